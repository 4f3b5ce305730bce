import type {
  LatestReceipt,
  Receipt,
  RecordName,
  RecordVersionName,
  StoredReceipt,
} from './receipt.ts';

/** Says that what was committed up to a time may have been sent, and since when. */
export interface SendMark {
  /** ISO 8601 in UTC with microseconds, as in `TransactionInfo.committedAt`: sorts as text. */
  readonly upTo: string;
  /**
   * Milliseconds since 1970 by this process's clock; the age is taken by the store's clock. -Infinity: nobody knows, at the
   * earliest when it was committed.
   */
  readonly sinceMs: number;
}

/** How calls of a store are aborted. */
export interface ReceiptCallOptions {
  readonly signal: AbortSignal;
}

/**
 * Where receipts are kept.
 *
 * What fails rejects with `ReceiptError`, whose `retryable` says whether waiting may help.
 */
export interface ReceiptStore {
  /** Resolves when all are durable. The same receipt again changes nothing. */
  store(receipts: readonly Receipt[], options: ReceiptCallOptions): Promise<void>;
  /** The receipt with the greatest version of each record, in the order of the records; null where there is none. */
  latest(
    records: readonly RecordName[],
    options: ReceiptCallOptions,
  ): Promise<readonly (LatestReceipt | null)[]>;
  /** The receipts of exactly these versions, in their order; null where there is none. */
  find(
    versions: readonly RecordVersionName[],
    options: ReceiptCallOptions,
  ): Promise<readonly (StoredReceipt | null)[]>;
  /** All marks of a pipeline. */
  sendMarks(pipeline: string, options: ReceiptCallOptions): Promise<readonly SendMark[]>;
  /** Resolves when the mark is durable. The store may merge marks, as long as none of what they cover looks younger. */
  addSendMark(
    pipeline: string,
    upTo: string,
    options: ReceiptCallOptions & {
      /** Of what was sent before receipts were kept. @default false */
      readonly isOfUnknownAge?: boolean | undefined;
    },
  ): Promise<SendMark>;
  /** Releases connections. Idempotent. */
  close(): Promise<void>;
}
