import type { ChangeEvent, EventSource, JsonValue } from '@certyo-cdc/core';
import type { SqlSession } from '@certyo-cdc/postgres';

/** What every reader of a table works with. */
export interface ReaderContext {
  readonly session: SqlSession;
  readonly source: EventSource & { readonly systemIdentifier: string };
  readonly epoch: number;
  /** An SQL expression that is 'true' while the lease lasts; null where it is kept in another database. */
  readonly guard: () => string | null;
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** Where the reading of one table stands, as a checkpoint keeps it. */
export type TableState = Readonly<Record<string, JsonValue>>;

/** What one look at a table gave. */
export interface TablePage {
  readonly events: readonly ChangeEvent[];
  /** Bytes that the events keep in memory. */
  readonly bytes: number;
  /** The state behind these events, where everything before it has been handed over; null in the middle of a window. */
  readonly end: TableState | null;
  /** Something was handed over, or would be, since the end before: an `end` is worth saving. */
  readonly isNews: boolean;
  /** The next look gives more at once. */
  readonly hasMore: boolean;
}

/** What has to be handed over for a caller of `caughtUp` to be content. */
export interface CaughtUpTarget {
  /** Every transaction below it, by number. */
  readonly above: bigint;
  /** Everything that a look which begins after this tick finds. */
  readonly tick: number;
}

/** Reads the changes of one table, page by page. One call at a time; after an error it goes on behind its last page. */
export interface TableReader {
  readonly label: string;
  /** Everything before it has been handed over; what a checkpoint keeps until the next end. */
  readonly state: TableState;
  read(options: { readonly signal: AbortSignal; readonly tick: number }): Promise<TablePage>;
  /** Whether what it has given covers the target. */
  covers(target: CaughtUpTarget): boolean;
  /** Forgets what was only true of a lost connection. */
  reset(): void;
}

/** Pages of one window after which a position in the middle of it is given: a window of millions of rows is one transaction, or a first copy. */
export const PAGES_UNTIL_CUT = 8;
