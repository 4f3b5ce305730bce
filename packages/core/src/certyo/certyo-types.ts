import type { JsonValue } from '../event/json.ts';
import type { BulkVerdict } from './bulk-answer.ts';
import type { OPERATION_TYPES } from './schemas.ts';

/** What a record says happened to its row. */
export type OperationType = (typeof OPERATION_TYPES)[number];

/** Options of every call. */
export interface CallOptions {
  /** Aborts the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A record to be anchored. The client adds the tenant. */
export interface CertyoRecord {
  /** Name of the source database or system. */
  readonly database: string;
  /** Name of the table, for PostgreSQL `schema.table`. */
  readonly collection: string;
  /** Identity of the row within its collection. */
  readonly recordId: string;
  /** The row. Written as canonical JSON. */
  readonly recordPayload: { readonly [name: string]: JsonValue };
  /** Sub-organisation; the API partitions by it, so keep one for all versions of a record. */
  readonly clientId?: string | undefined;
  /** @default the API's, `1` */
  readonly recordVersion?: string | undefined;
  /** @default the API's, `upsert` */
  readonly operationType?: OperationType | undefined;
  /** ISO 8601. @default the API's, the time of ingestion */
  readonly sourceTimestamp?: string | undefined;
  /** At most 128 characters. The same key within 24 hours is answered with the first answer, whatever the payload. */
  readonly idempotencyKey?: string | undefined;
}

/** The API has the record: hashed and queued, not yet anchored. */
export interface AcceptedRecord {
  readonly recordId: string;
  readonly recordHash: string;
  readonly acceptedAt: string;
  readonly idempotencyReplayed: boolean;
  /** The whole answer. */
  readonly raw: JsonValue;
}

/** The answer to a bulk request. */
export interface BulkResult {
  /** One per record, in the order of the records. */
  readonly verdicts: readonly BulkVerdict[];
  readonly raw: JsonValue;
}

/** A list that the API gave, as far as it is understood. */
export interface CertyoPage<Item = JsonValue> {
  readonly items: readonly Item[];
  readonly raw: JsonValue;
}

/** Anything whose shape is not public. */
export interface CertyoDocument {
  readonly raw: JsonValue;
}

/** The anchoring state of one version of a record. */
export interface Snapshot {
  readonly snapshotId: string;
  readonly recordId: string | null;
  /** `Ingested`, `PendingAnchor`, `Batched`, `Anchored` or `Failed`; others may come. */
  readonly status: string;
  readonly onChainConfirmed: boolean;
  readonly onChainMerkleRoot: string | null;
  readonly ingestedAt: string | null;
  readonly updatedAt: string | null;
  readonly raw: JsonValue;
}

/** What a verification found. */
export interface Verification {
  readonly verified: boolean;
  /**
   * True when the record is verified and on the chain by either of the API's two ways of saying so. Anything else,
   * also what this version does not know, is false.
   */
  readonly anchored: boolean;
  readonly verificationStatus: string | null;
  readonly reasonCategory: string | null;
  readonly recordHash: string | null;
  readonly raw: JsonValue;
}

/** Parameters of a query by name. Beyond those that a method names, they are sent as they are. */
export type QueryParameters = Readonly<Record<string, string | number | undefined>>;
