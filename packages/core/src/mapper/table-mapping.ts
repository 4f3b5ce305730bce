import type * as z from 'zod/v4/core';

import type { RowChange } from '../event/change-event.ts';
import type { JsonRow, JsonValue } from '../event/json.ts';
import type { ColumnPolicy } from './column-policy.ts';

/** Values of `operationType`. */
export type MappedOperation = 'insert' | 'update' | 'delete' | 'upsert';

/** The row of a mapping: what its schema makes of it, or plain JSON values where it has none. */
export type MappedRow<Row> = unknown extends Row ? JsonRow : Row;

/** What a mapping's function is given besides the row. */
export type MappedEvent = RowChange;

/**
 * What the records of one table are made of. What is left out is done as without a mapper.
 *
 * The functions must be pure: the same event must give the same record after a restart. They get the new row; for a
 * delete the old one. When the source does not see a whole row (a delete under a replica identity other than FULL, an
 * unchanged TOAST value), reading a missing column throws an error that names it and the remedy.
 */
export interface TableMapping<Row = unknown> {
  /** Checks and types the row. Its output is what the functions get. */
  readonly row?: z.$ZodType<Row> | undefined;
  /** True skips the event. */
  readonly skip?: ((row: MappedRow<Row>, event: MappedEvent) => boolean) | undefined;
  /** The record's identity. Null skips the event. @default the key as text */
  readonly recordId?: ((row: MappedRow<Row>, event: MappedEvent) => string | null) | undefined;
  /**
   * The payload; null skips the event. Not called for a delete that shows only the key: its payload is the key.
   *
   * @default the row
   */
  readonly payload?:
    | ((row: MappedRow<Row>, event: MappedEvent) => { readonly [name: string]: JsonValue } | null)
    | undefined;
  /** `recordVersion`. Must grow from change to change of a record. @default the event's version */
  readonly version?: ((row: MappedRow<Row>, event: MappedEvent) => string) | undefined;
  /** @default `schema.table` */
  readonly collection?: string | undefined;
  /** @default the sink's `database` */
  readonly database?: string | undefined;
  /** @default by the event's operation; `upsert` for a snapshot */
  readonly operationType?:
    | MappedOperation
    | ((row: MappedRow<Row>, event: MappedEvent) => MappedOperation)
    | undefined;
  /** ISO 8601 with a zone. @default the time of the commit */
  readonly sourceTimestamp?:
    | ((row: MappedRow<Row>, event: MappedEvent) => string | null)
    | undefined;
  /** Which columns the functions and the payload see. */
  readonly columns?: ColumnPolicy | undefined;
}

/** A mapping whose schema's type no longer matters. */
export type AnyTableMapping = TableMapping<JsonRow>;
