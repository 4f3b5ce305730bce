import type { SequenceLogRow } from '@certyo-cdc/postgres';
import type { LOG_ROW } from './sql.ts';

/** One row of the change log, as it is selected by `LOG_ROW`. */
export type StoredRow = SequenceLogRow<keyof typeof LOG_ROW>;

/** One row of the change log. */
export interface LogRow {
  readonly sequence: bigint;
  readonly xid: string | null;
  /** I U D T (truncate) S (structure). */
  readonly operation: string;
  /** Digest of the table's columns. */
  readonly columns: string | null;
  /** Of a truncate: schema and name of the very table, as JSON. */
  readonly oldRow: string | null;
  readonly newRow: string | null;
  /** ISO 8601 in UTC with microseconds. */
  readonly changedAt: string | null;
}

export function logRow({ sequence, values, xid }: StoredRow): LogRow {
  return {
    sequence,
    xid: xid?.toString() ?? null,
    operation: values.operation ?? '',
    columns: values.columns,
    oldRow: values.old_row,
    newRow: values.new_row,
    changedAt: values.changed_at,
  };
}

/** What the rows take in memory as events, about. */
export function bytesOf(rows: readonly LogRow[]): number {
  let bytes = 0;
  for (const row of rows) bytes += 256 + (row.oldRow?.length ?? 0) + (row.newRow?.length ?? 0);
  return bytes;
}
