import type { VerifierState } from '../verifier/events.ts';

/** What a round of write-back has done. */
export interface WriteBackRound {
  /** Finished receipts that were taken from the queue. */
  readonly taken: number;
  /** Statuses that are new in the side table. */
  readonly sideTable: number;
  /** Rows whose columns were written. */
  readonly written: number;
  /** Rows whose columns said as much already. */
  readonly kept: number;
  /** Rows that are not what was anchored: changed since. */
  readonly newer: number;
  /** Rows that are not there any more. */
  readonly gone: number;
  /** Rows that somebody else has locked: they are tried again. */
  readonly busy: number;
  readonly durationMs: number;
}

/** Everything that a write-back reports to `onEvent`. Carries no values of rows, no keys and no secrets. */
export type WriteBackEvent =
  | {
      readonly type: 'write-back-state-changed';
      readonly from: VerifierState;
      readonly to: VerifierState;
    }
  | ({ readonly type: 'write-back-round-finished' } & WriteBackRound)
  | {
      readonly type: 'write-back-interrupted';
      readonly error: Error;
      readonly retryInMs: number;
    };
