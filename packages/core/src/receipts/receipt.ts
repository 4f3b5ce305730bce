import type { OperationType } from '../certyo/certyo-types.ts';
import type { TableVersion } from './table-version.ts';

/** Names a record. */
export interface RecordName {
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
}

/** Names one version of a record. */
export interface RecordVersionName extends RecordName {
  readonly recordVersion: string;
}

/** What is kept of one record version that the API has accepted. */
export interface Receipt extends RecordVersionName {
  /** The change that the record was made of; null for an item that was parked before receipts were kept. */
  readonly eventId: string | null;
  readonly operationType: OperationType;
  /**
   * SHA-256 over the canonical payload, the very bytes that were sent: 64 hexadecimal digits. Ours; how the API hashes is not
   * public.
   */
  readonly payloadFingerprint: string;
  /** The API's hash of the record as it came, or null where its answer gave none. */
  readonly recordHash: string | null;
  /** When the API accepted it, ISO 8601 as it came, or null. */
  readonly acceptedAt: string | null;
  /** Whether the API says that it had it before. */
  readonly replayed: boolean;
  /** The columns that the record was made with; null for a record that is not a row. */
  readonly table: TableVersion | null;
}

/** What the newest receipt of a record says. */
export interface LatestReceipt {
  readonly recordVersion: string;
  readonly operationType: OperationType;
  readonly payloadFingerprint: string;
  /** True when it could not be anchored. */
  readonly hasFailed: boolean;
}

/** What the API answered about a record version. */
export interface StoredReceipt {
  readonly payloadFingerprint: string;
  readonly recordHash: string | null;
  /** ISO 8601. */
  readonly acceptedAt: string;
}
