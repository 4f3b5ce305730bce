import { writeRow } from '../event/write-row.ts';
import { ByteWriter } from '../json/byte-writer.ts';
import type { ItemOrigin } from './item-origin.ts';
import { DIGEST_DIGITS, digestKey, readablePart } from './idempotency-key.ts';
import type { RecordDraft } from './record-draft.ts';
import { RecordPlaces } from './record-place.ts';
import { Slabs } from './slabs.ts';
import { WrittenRecord } from './written-record.ts';

const DASH = '-';

/**
 * Writes records as the bytes that are sent. The hot path of the sink: a record is put together in one writer that serves
 * all records, and copied out of it once, to where it waits. What the idempotency key is made of stands together in it, so that it is hashed
 * where it is.
 */
export class RecordWriter {
  readonly #out = new ByteWriter();
  /** Where the part of each record begins that is not the same in all of them. */
  readonly #start: number;
  readonly #places = new RecordPlaces();
  readonly #slabs = new Slabs();

  constructor(tenantId: string, clientId: string | undefined) {
    this.#out.text(JSON.stringify({ tenantId, clientId }).slice(0, -1));
    this.#start = this.#out.length;
  }

  /** Writes a record's body around its payload, which is not parsed again. */
  write(draft: RecordDraft, origin: ItemOrigin | null = null): WrittenRecord {
    const { payload, recordId, recordVersion, sourceTimestamp, unavailable } = draft;
    const place = this.#places.of(draft.database, draft.collection);
    const out = this.#out;
    out.clear(this.#start);
    out.copy(place.head, 0, place.head.length);
    out.quotedText(recordId);
    out.ascii(',"recordVersion":');
    const versionAt = out.length;
    out.quotedText(recordVersion);
    out.ascii(',"operationType":"');
    out.ascii(draft.operationType);
    out.ascii('","recordPayload":');
    if (typeof payload === 'string') out.text(payload);
    else writeRow(payload.event, out, payload.includes, payload.image);
    const digest = digestKey(out.view(this.#start));
    if (sourceTimestamp !== null) {
      out.ascii(',"sourceTimestamp":');
      out.quotedText(sourceTimestamp);
    }
    out.ascii(',"idempotencyKey":"');
    const keyAt = out.length;
    out.ascii(place.key);
    out.ascii(readablePart(recordId));
    out.ascii(DASH);
    out.ascii(digest, DIGEST_DIGITS);
    const keyLength = out.length - keyAt;
    out.ascii('"}');
    const slabs = this.#slabs;
    slabs.keep(out);
    const extras =
      unavailable === null && origin === null
        ? null
        : { unavailable: unavailable ?? undefined, origin: origin ?? undefined };
    return new WrittenRecord(
      place,
      recordId,
      slabs.slab,
      slabs.start,
      out.length,
      keyLength,
      versionAt,
      extras,
    );
  }
}
