import { writeRow } from '../event/write-row.ts';
import { ByteWriter } from '../json/byte-writer.ts';
import { ConstantBytes } from '../json/constant-bytes.ts';
import type { OperationType } from './certyo-types.ts';
import type { ItemOrigin } from './item-origin.ts';
import { DIGEST_DIGITS, digestKey, readablePart } from './idempotency-key.ts';
import type { RecordDraft } from './record-draft.ts';
import { RecordPlaces } from './record-place.ts';
import { Slabs } from './slabs.ts';
import { WrittenRecord } from './written-record.ts';

const DASH = 0x2d;
const VERSION = new ConstantBytes(',"recordVersion":');
const END = new ConstantBytes('"}');
/** What stands between version and payload. */
const OPERATIONS: Readonly<Record<OperationType, ConstantBytes>> = {
  insert: betweenVersionAndPayload('insert'),
  update: betweenVersionAndPayload('update'),
  upsert: betweenVersionAndPayload('upsert'),
  delete: betweenVersionAndPayload('delete'),
};

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
  #timestamp: string | null = null;
  #time: ConstantBytes | null = null;

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
    out.constant(place.head);
    out.quotedText(recordId);
    out.constant(VERSION);
    const versionAt = out.length;
    out.quotedText(recordVersion);
    const operation = OPERATIONS[draft.operationType];
    out.constant(operation);
    const payloadAt = out.length;
    if (typeof payload === 'string') out.text(payload);
    else writeRow(payload.event, out, payload.includes, payload.image);
    const payloadEnd = out.length;
    const digest = digestKey(out.view(this.#start));
    const time = this.#timeOf(sourceTimestamp);
    out.constant(time);
    const keyAt = out.length;
    out.constant(place.key);
    out.ascii(readablePart(recordId));
    out.byte(DASH);
    out.ascii(digest, DIGEST_DIGITS);
    const keyLength = out.length - keyAt;
    out.constant(END);
    const slabs = this.#slabs;
    slabs.keep(out);
    const extras =
      unavailable === null && origin === null
        ? null
        : {
            unavailable: unavailable ?? undefined,
            origin: origin ?? undefined,
            payloadAt,
            payloadEnd,
          };
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

  /** What stands between payload and key. Records of one transaction come one after the other. */
  #timeOf(timestamp: string | null): ConstantBytes {
    if (timestamp !== this.#timestamp || this.#time === null) {
      const text = timestamp === null ? '' : `,"sourceTimestamp":${JSON.stringify(timestamp)}`;
      this.#timestamp = timestamp;
      this.#time = new ConstantBytes(`${text},"idempotencyKey":"`);
    }
    return this.#time;
  }
}

function betweenVersionAndPayload(operation: OperationType): ConstantBytes {
  return new ConstantBytes(`,"operationType":"${operation}","recordPayload":`);
}
