import type { Buffer } from 'node:buffer';

import { writeRow } from '../event/write-row.ts';
import { ByteWriter } from '../json/byte-writer.ts';
import type { CertyoItem } from './certyo-item.ts';
import { digestKey, readablePart } from './idempotency-key.ts';
import type { RecordDraft } from './record-draft.ts';

/** Places beyond this are written anew: a mapper may name any number of them. */
const MOST_PLACES = 1_000;
const CLOSE = 0x7d;

/** What is the same in all records of one place. */
interface Place {
  readonly database: string;
  readonly collection: string;
  /** The body up to the record's id. */
  readonly head: string;
  /** What is hashed, up to the record's id. */
  readonly hashed: string;
  /** The idempotency key up to the record's id. */
  readonly key: string;
}

/**
 * Writes records as the bytes that are sent. The hot path of the sink: what is hashed, and then the body, are put together
 * in two writers that serve all records; only the body is copied out, once.
 */
export class RecordWriter {
  /** The beginning of every record's body. */
  readonly #owner: string;
  readonly #hashed = new ByteWriter();
  readonly #body = new ByteWriter();
  readonly #places = new Map<string, Map<string, Place>>();
  #count = 0;
  #last: Place | null = null;

  constructor(tenantId: string, clientId: string | undefined) {
    this.#owner = JSON.stringify({ tenantId, clientId }).slice(0, -1);
  }

  /** Writes a record's body around its payload, which is not parsed again. */
  write(draft: RecordDraft): CertyoItem {
    const { collection, database, recordId, recordVersion, operationType } = draft;
    const place = this.#placeOf(database, collection);
    const hashed = this.#hashed;
    hashed.clear();
    hashed.text(place.hashed);
    hashed.quotedText(recordId);
    hashed.ascii(',"');
    hashed.ascii(operationType);
    hashed.ascii('",');
    hashed.quotedText(recordVersion);
    hashed.ascii(']');
    const payloadAt = hashed.length;
    const { payload } = draft;
    if (typeof payload === 'string') hashed.text(payload);
    else writeRow(payload.event, hashed, payload.includes, payload.image);
    const digest = digestKey(hashed.view());
    const idempotencyKey = `${place.key}${readablePart(recordId)}-${digest}`;

    const body = this.#body;
    body.clear();
    body.text(place.head);
    body.quotedText(recordId);
    body.ascii(',"recordVersion":');
    body.quotedText(recordVersion);
    body.ascii(',"operationType":"');
    body.ascii(operationType);
    if (draft.sourceTimestamp !== null) {
      body.ascii('","sourceTimestamp":');
      body.quotedText(draft.sourceTimestamp);
      body.ascii(',"idempotencyKey":"');
    } else body.ascii('","idempotencyKey":"');
    body.ascii(idempotencyKey);
    body.ascii('","recordPayload":');
    body.copy(hashed.bytes, payloadAt, hashed.length);
    body.byte(CLOSE);
    return item(draft, idempotencyKey, body.slice());
  }

  #placeOf(database: string, collection: string): Place {
    const last = this.#last;
    if (last !== null && last.database === database && last.collection === collection) return last;
    const place =
      this.#places.get(database)?.get(collection) ?? this.#addPlace(database, collection);
    this.#last = place;
    return place;
  }

  #addPlace(database: string, collection: string): Place {
    if (this.#count >= MOST_PLACES) {
      this.#places.clear();
      this.#count = 0;
    }
    const names = `${JSON.stringify(database)},${JSON.stringify(collection)}`;
    const place: Place = {
      database,
      collection,
      head: `${this.#owner},"database":${JSON.stringify(database)},"collection":${JSON.stringify(collection)},"recordId":`,
      hashed: `[${names},`,
      key: `${readablePart(collection)}-`,
    };
    const places = this.#places.get(database) ?? new Map<string, Place>();
    this.#places.set(database, places.set(collection, place));
    this.#count += 1;
    return place;
  }
}

function item(draft: RecordDraft, idempotencyKey: string, body: Buffer): CertyoItem {
  const { collection, database, recordId, recordVersion, unavailable } = draft;
  const made = { database, collection, recordId, recordVersion, idempotencyKey, body };
  return unavailable === null ? made : { ...made, unavailable };
}
