/**
 * Where a verifier is in its life.
 *
 *     idle → running → draining → stopped
 *               └──────────────→ failed   an error that somebody has to act on
 */
export const VERIFIER_STATES = ['idle', 'running', 'draining', 'stopped', 'failed'] as const;

export type VerifierState = (typeof VERIFIER_STATES)[number];

/** What a round has done. */
export interface RoundResult {
  /** Receipts that were looked at. */
  readonly looked: number;
  readonly anchored: number;
  /** Given up: they stay `failed` until `requeueFailed()`. */
  readonly failed: number;
  /** Handed in again because Certyo could not anchor them. */
  readonly resubmitted: number;
  /** Unanchored for longer than the limit, raised now. */
  readonly overdue: number;
  readonly requests: number;
  readonly durationMs: number;
}

/** Everything that a verifier reports to `onEvent`. Carries no values of rows, no keys and no secrets. */
export type VerifierEvent =
  | {
      readonly type: 'verifier-state-changed';
      readonly from: VerifierState;
      readonly to: VerifierState;
    }
  /** Some of a round is done and stored. `stillDue` counts to 10,000 at most. */
  | ({ readonly type: 'receipts-looked-at'; readonly stillDue: number } & Omit<
      RoundResult,
      'durationMs'
    >)
  | ({ readonly type: 'round-finished' } & RoundResult)
  | { readonly type: 'receipts-failed'; readonly receipts: number; readonly collections: Counts }
  | {
      readonly type: 'receipts-overdue';
      readonly receipts: number;
      readonly collections: Counts;
      /** When the oldest of them was accepted, ISO 8601. */
      readonly oldestAcceptedAt: string;
    }
  | { readonly type: 'look-interrupted'; readonly error: unknown; readonly retryInMs: number }
  | { readonly type: 'partitions-maintained'; readonly done: readonly string[] }
  | { readonly type: 'maintenance-failed'; readonly error: unknown };

/** Receipts by collection. */
export type Counts = Readonly<Record<string, number>>;
