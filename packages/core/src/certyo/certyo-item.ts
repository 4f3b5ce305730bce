import { z } from 'zod';

import { DeadLetterError } from '../errors/store-error.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { itemOriginSchema, type ItemOrigin } from './item-origin.ts';
import type { RecordDraft } from './record-draft.ts';
import type { UnavailableColumns } from './unavailable-policy.ts';

/** One record, written and ready to be sent. */
export interface CertyoItem {
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordVersion: string;
  readonly idempotencyKey: string;
  /**
   * The body of `POST /records` as JSON text in UTF-8. Bytes, because a string that was put together keeps its pieces
   * alive until it is sent, which is several times its size.
   */
  readonly body: Buffer;
  /** The columns that the row has and the record does not show; missing where there are none. */
  readonly unavailable?: UnavailableColumns | undefined;
  /** What the receipt says beyond the record; missing where no receipts are kept. */
  readonly origin?: ItemOrigin | undefined;
}

const itemSchema = z.strictObject({
  database: z.string(),
  collection: z.string(),
  recordId: z.string(),
  recordVersion: z.string(),
  idempotencyKey: z.string(),
  body: z.string(),
  unavailable: z
    .strictObject({ schema: z.string(), name: z.string(), columns: z.array(z.string()) })
    .optional(),
  origin: itemOriginSchema.optional(),
});

/** Whom the records belong to, written as the beginning of every record's body. */
export interface RecordOwner {
  readonly head: string;
}

/** Settles whom the records belong to. */
export function recordOwner(tenantId: string, clientId: string | undefined): RecordOwner {
  return { head: JSON.stringify({ tenantId, clientId }).slice(0, -1) };
}

/** Writes a record's body around its payload, which is not parsed again. */
export function toItem(
  owner: RecordOwner,
  draft: RecordDraft,
  origin: ItemOrigin | null = null,
): CertyoItem {
  const key = idempotencyKey(draft);
  const timestamp =
    draft.sourceTimestamp === null
      ? ''
      : `,"sourceTimestamp":${JSON.stringify(draft.sourceTimestamp)}`;
  const body = Buffer.from(
    `${owner.head},"database":${JSON.stringify(draft.database)},"collection":${JSON.stringify(draft.collection)},"recordId":${JSON.stringify(draft.recordId)},"recordVersion":${JSON.stringify(draft.recordVersion)},"operationType":${JSON.stringify(draft.operationType)}${timestamp},"idempotencyKey":"${key}","recordPayload":${draft.payload}}`,
  );
  return {
    database: draft.database,
    collection: draft.collection,
    recordId: draft.recordId,
    recordVersion: draft.recordVersion,
    idempotencyKey: key,
    body,
    ...(draft.unavailable === null ? {} : { unavailable: draft.unavailable }),
    ...(origin === null ? {} : { origin }),
  };
}

/** The lane of a record: all its versions go one after the other. */
export function laneOf(item: CertyoItem): string {
  return JSON.stringify([item.database, item.collection, item.recordId]);
}

/** Text for a dead letter. */
export function serializeItem(item: CertyoItem): string {
  return JSON.stringify({ ...item, body: item.body.toString('utf8') });
}

/** Reads what `serializeItem` wrote, byte for byte the same body. */
export function deserializeItem(text: string): CertyoItem {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  const read = itemSchema.safeParse(parsed);
  if (read.success) return { ...read.data, body: Buffer.from(read.data.body) };
  throw new DeadLetterError('A parked item is not one that this sink wrote.', {
    retryable: false,
    remedy: 'Do not change the stored text of parked items.',
  });
}
