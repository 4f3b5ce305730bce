import type { ChangeSource } from '@certyo-cdc/core';

/** One statement on the table of the suite, whose columns are `id` (integer, primary key) and `value` (text). */
export type RowStatement =
  | { readonly operation: 'insert' | 'update'; readonly id: number; readonly value: string }
  | { readonly operation: 'delete'; readonly id: number };

/** A new, empty table with everything that the source needs around it. */
export interface ChangeSourceFixture extends AsyncDisposable {
  /**
   * A source over the table. Each call stands for a new process: it shares with the earlier ones only what the
   * server keeps (for example the slot). It must be set up so that it sees every commit after the fixture was made.
   */
  source(): ChangeSource;
  /** Commits the statements in one transaction. */
  commit(statements: readonly RowStatement[]): Promise<void>;
  /** Runs the statements in one transaction and rolls it back. */
  rollBack(statements: readonly RowStatement[]): Promise<void>;
}

/** What `describeChangeSource` runs against. */
export interface ChangeSourceHarness {
  /**
   * What the source shows of a row: every change, in commit order; or the state in which it finds the row, so that
   * states between two looks are not seen (polling). @default 'every-change'
   */
  readonly shows?: 'every-change' | 'latest-state' | undefined;
  /** With `latest-state`: whether the source sees that a row is gone. @default true */
  readonly seesDeletes?: boolean | undefined;
  create(): Promise<ChangeSourceFixture>;
}
