import type { ChangeStream, JsonRow } from '@certyo-cdc/core';

/** A row version as a trigger saw it, told ahead of the read that would find it. */
export interface RowHint {
  /** Oid of the table that the row lies in (of the partition where there are some). */
  readonly relation: number;
  /** The table's columns at that moment, in the order of the table: names and type oids. */
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
  /** The columns' texts under the pinned settings, as `record_out` prints the row (`NEW::text`). */
  readonly row: string;
}

/**
 * A stream that can be told that something has changed. It alone decides what it makes of that: identity, version, order and
 * the position stay its own.
 */
export interface HintedStream<Row extends object = JsonRow> extends ChangeStream<Row> {
  /** Looks now instead of at the end of its interval. */
  nudge(): void;
  /**
   * Hands a row version over at once, as the event that a read would give (same id, version and bytes), where that keeps the
   * order of the record; the read that finds it later does not repeat it.
   *
   * @returns False when it cannot be used (another table, other columns, an older version): the stream then looks by itself.
   */
  offer(row: RowHint): boolean;
}
