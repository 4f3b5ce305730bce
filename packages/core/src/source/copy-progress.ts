/** How far the copy of one table is. */
export interface CopyProgress {
  /** Names the copy: `first`, or the id of a backfill. */
  readonly copy: string;
  /** `schema.table`. */
  readonly table: string;
  /** Rows that were handed over. */
  readonly rows: number;
  /** Rows that the server believes the table to have, or null where it has no idea; in the end those that were copied. */
  readonly estimate: number | null;
  /** Rows per second since the copy began or was resumed; null at the beginning. */
  readonly ratePerSecond: number | null;
  /** Seconds until the table is copied at this rate; null where it is not known. */
  readonly secondsLeft: number | null;
}
