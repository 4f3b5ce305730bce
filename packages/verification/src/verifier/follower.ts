import type { RecordVersionName } from '@certyo-cdc/core';
import type { SqlExecutor } from '@certyo-cdc/postgres';

/** A receipt that is not pending any more. */
export interface FinishedReceipt extends RecordVersionName {
  readonly state: 'anchored' | 'failed';
  /** The key of the record in the ledger, a uuid. */
  readonly recordKey: string;
  readonly recordHash: string | null;
  /** Milliseconds since 1970. */
  readonly acceptedMs: number;
  readonly anchoredMs: number | null;
  readonly snapshotId: string | null;
}

/**
 * Something that is to happen when a receipt is anchored or has failed.
 *
 * It is called inside the transaction that records that: what it writes with the executor is written together with it, or not at
 * all. It must be quick; what takes its time belongs into a queue that it fills. A call that rejects undoes both, and the
 * receipts are looked at again.
 */
export interface VerifierFollower {
  readonly name: string;
  follow(
    receipts: readonly FinishedReceipt[],
    context: { readonly executor: SqlExecutor; readonly signal: AbortSignal },
  ): Promise<void>;
}
