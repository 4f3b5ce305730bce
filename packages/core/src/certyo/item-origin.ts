import { z } from 'zod';

import { isRowChange, type ChangeEvent } from '../event/change-event.ts';
import type { TableVersion, TableVersions } from '../receipts/table-version.ts';
import type { OperationType } from './certyo-types.ts';
import { OPERATION_TYPES } from './schemas.ts';

/** Where an item comes from, as far as its receipt says it. */
export interface ItemOrigin {
  readonly eventId: string;
  readonly operationType: OperationType;
  /** As in `TransactionInfo`. */
  readonly committedAt: string | null;
  /** True for a row as a copy or a poll found it. */
  readonly isFound: boolean;
  readonly table: TableVersion | null;
}

/** The same as a parked item holds it. */
export const itemOriginSchema: z.ZodType<ItemOrigin> = z.strictObject({
  eventId: z.string(),
  operationType: z.enum(OPERATION_TYPES),
  committedAt: z.string().nullable(),
  isFound: z.boolean(),
  table: z
    .strictObject({
      schema: z.string(),
      name: z.string(),
      columns: z.array(z.strictObject({ name: z.string(), type: z.string(), isKey: z.boolean() })),
      fingerprint: z.string(),
    })
    .nullable(),
});

/** The origin of what is made of an event. */
export function originOf(
  event: ChangeEvent,
  operationType: OperationType,
  versions: TableVersions,
): ItemOrigin {
  return {
    eventId: event.id,
    operationType,
    committedAt: event.transaction?.committedAt ?? null,
    isFound: event.operation === 'snapshot',
    table: isRowChange(event) ? versions.of(event) : null,
  };
}
