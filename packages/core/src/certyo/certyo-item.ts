import { z } from 'zod';

import { DeadLetterError } from '../errors/store-error.ts';
import { laneText, placeOfLane } from '../sink/lane.ts';
import { itemOriginSchema, type ItemOrigin } from './item-origin.ts';
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

/** The lane of a record, a JSON array of its three names: all its versions go one after the other. */
export function laneOf({ collection, database, recordId }: CertyoItem): string {
  return laneText(placeOfLane(database, collection), recordId);
}

/** Text for a dead letter. */
export function serializeItem(item: CertyoItem): string {
  // Named one by one: what the writer makes has getters, which a spread does not see.
  const { body, collection, database, idempotencyKey, origin, recordId, recordVersion } = item;
  const { unavailable } = item;
  const names = { database, collection, recordId, recordVersion, idempotencyKey };
  return JSON.stringify({ ...names, body: body.toString('utf8'), unavailable, origin });
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
