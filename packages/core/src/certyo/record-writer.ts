import { Buffer } from 'node:buffer';

import { writeRow } from '../event/write-row.ts';
import { ByteWriter } from '../json/byte-writer.ts';
import type { OperationType } from './certyo-types.ts';
import type { ItemOrigin } from './item-origin.ts';
import { DIGEST_DIGITS, digestKey, readablePart } from './idempotency-key.ts';
import type { RecordDraft } from './record-draft.ts';
import { RecordPlaces } from './record-place.ts';
import { Slabs } from './slabs.ts';
import { WrittenRecord } from './written-record.ts';

const DASH = 0x2d;
const VERSION = Buffer.from(',"recordVersion":');
const END = Buffer.from('"}');
/** What stands between version and payload. Text that is the same in many records is copied as bytes, which takes a third of the time. */
const OPERATIONS: Readonly<Record<OperationType, Buffer>> = {
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
  #time: Buffer | null = null;

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
    out.copy(VERSION, 0, VERSION.length);
    const versionAt = out.length;
    out.quotedText(recordVersion);
    const operation = OPERATIONS[draft.operationType];
    out.copy(operation, 0, operation.length);
    const payloadAt = out.length;
    if (typeof payload === 'string') out.text(payload);
    else writeRow(payload.event, out, payload.includes, payload.image);
    const payloadEnd = out.length;
    const digest = digestKey(out.view(this.#start));
    const time = this.#timeOf(sourceTimestamp);
    out.copy(time, 0, time.length);
    const keyAt = out.length;
    out.copy(place.key, 0, place.key.length);
    out.ascii(readablePart(recordId));
    out.byte(DASH);
    out.ascii(digest, DIGEST_DIGITS);
    const keyLength = out.length - keyAt;
    out.copy(END, 0, END.length);
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
  #timeOf(timestamp: string | null): Buffer {
    if (timestamp !== this.#timestamp || this.#time === null) {
      const text = timestamp === null ? '' : `,"sourceTimestamp":${JSON.stringify(timestamp)}`;
      this.#timestamp = timestamp;
      this.#time = Buffer.from(`${text},"idempotencyKey":"`);
    }
    return this.#time;
  }
}

function betweenVersionAndPayload(operation: OperationType): Buffer {
  return Buffer.from(`,"operationType":"${operation}","recordPayload":`);
}
