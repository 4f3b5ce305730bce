import type { RecordVersionName } from '@certyo-cdc/core';

/** A receipt that is to be looked at. */
export interface DueReceipt extends RecordVersionName {
  /** uuid. */
  readonly recordKey: string;
  /** Microseconds since 1970, exact: part of the primary key. */
  readonly acceptedUs: string;
  readonly acceptedMs: number;
  readonly recordHash: string | null;
  readonly snapshotId: string | null;
  readonly anchorId: number | null;
  readonly looks: number;
  readonly resubmits: number;
  /** When a look first found it failed, milliseconds since 1970; null when it was not. */
  readonly failedMs: number | null;
  readonly isRaised: boolean;
}

/** A batch of Certyo's as the ledger knows it. */
export interface KnownAnchor {
  readonly id: number;
  readonly batchId: string | null;
  readonly merkleRoot: string | null;
  readonly isAnchored: boolean;
  readonly anchoredMs: number | null;
}
