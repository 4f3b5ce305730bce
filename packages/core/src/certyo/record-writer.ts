import { Buffer } from 'node:buffer';

import { writeRow } from '../event/write-row.ts';
import { ByteWriter } from '../json/byte-writer.ts';
import type { CertyoItem } from './certyo-item.ts';
import type { ItemOrigin } from './item-origin.ts';
import { digestKey, readablePart } from './idempotency-key.ts';
import type { RecordDraft } from './record-draft.ts';

/** Places beyond this are written anew: a mapper may name any number of them. */
const MOST_PLACES = 1_000;

/** What is the same in all records of one place. */
interface Place {
  readonly database: string;
  readonly collection: string;
  /** The body from behind the owner up to the record's id. */
  readonly head: Buffer;
  /** The idempotency key up to the record's id. */
  readonly key: string;
}

/**
 * Writes records as the bytes that are sent. The hot path of the sink: a record is put together in one writer that serves
 * all records, and copied out of it once. What the idempotency key is made of stands together in it, so that it is hashed
 * where it is.
 */
export class RecordWriter {
  readonly #out = new ByteWriter();
  /** Where the part of each record begins that is not the same in all of them. */
  readonly #start: number;
  readonly #places = new Map<string, Map<string, Place>>();
  #count = 0;
  #last: Place | null = null;

  constructor(tenantId: string, clientId: string | undefined) {
    this.#out.text(JSON.stringify({ tenantId, clientId }).slice(0, -1));
    this.#start = this.#out.length;
  }

  /** Writes a record's body around its payload, which is not parsed again. */
  write(draft: RecordDraft, origin: ItemOrigin | null = null): CertyoItem {
    const { collection, database, payload, recordId, recordVersion, sourceTimestamp } = draft;
    const place = this.#placeOf(database, collection);
    const out = this.#out;
    out.clear(this.#start);
    out.copy(place.head, 0, place.head.length);
    out.quotedText(recordId);
    out.ascii(',"recordVersion":');
    out.quotedText(recordVersion);
    out.ascii(',"operationType":"');
    out.ascii(draft.operationType);
    out.ascii('","recordPayload":');
    if (typeof payload === 'string') out.text(payload);
    else writeRow(payload.event, out, payload.includes, payload.image);
    const digest = digestKey(out.view(this.#start));
    const idempotencyKey = `${place.key}${readablePart(recordId)}-${digest}`;
    if (sourceTimestamp !== null) {
      out.ascii(',"sourceTimestamp":');
      out.quotedText(sourceTimestamp);
    }
    out.ascii(',"idempotencyKey":"');
    out.ascii(idempotencyKey);
    out.ascii('"}');
    return item(draft, idempotencyKey, out.slice(), origin);
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
    const head = `,"database":${JSON.stringify(database)},"collection":${JSON.stringify(collection)},"recordId":`;
    const place: Place = {
      database,
      collection,
      head: Buffer.from(head),
      key: `${readablePart(collection)}-`,
    };
    const places = this.#places.get(database) ?? new Map<string, Place>();
    this.#places.set(database, places.set(collection, place));
    this.#count += 1;
    return place;
  }
}

function item(
  draft: RecordDraft,
  idempotencyKey: string,
  body: Buffer,
  origin: ItemOrigin | null,
): CertyoItem {
  const { collection, database, recordId, recordVersion, unavailable } = draft;
  const made = { database, collection, recordId, recordVersion, idempotencyKey, body };
  if (unavailable === null && origin === null) return made;
  return {
    ...made,
    ...(unavailable === null ? {} : { unavailable }),
    ...(origin === null ? {} : { origin }),
  };
}
