import type { OperationType, RecordVersionName, TableVersionColumn } from '@certyo-cdc/core';

/** Where a receipt stands. */
export const RECEIPT_STATES = ['pending', 'anchored', 'failed'] as const;

export type ReceiptState = (typeof RECEIPT_STATES)[number];

/** A receipt as the ledger has it, with what looking at it has found. Times are ISO 8601 in UTC with microseconds. */
export interface KeptReceipt extends RecordVersionName {
  /** Names the receipt's place in a listing: what comes behind it is asked for with it. */
  readonly cursor: string;
  readonly eventId: string | null;
  readonly operationType: OperationType;
  /** 64 hexadecimal digits. */
  readonly payloadFingerprint: string;
  readonly recordHash: string | null;
  readonly acceptedAt: string;
  readonly storedAt: string;
  readonly replayed: boolean;
  /** The table and columns that it was made with; null for a record that is not a row. */
  readonly table: {
    readonly schema: string;
    readonly name: string;
    readonly fingerprint: string;
    readonly columns: readonly TableVersionColumn[];
  } | null;
  readonly state: ReceiptState;
  readonly anchoredAt: string | null;
  /** When it was raised as unanchored for too long, else null. */
  readonly raisedAt: string | null;
  /** Why Certyo could not anchor it, as far as it says so, else null. */
  readonly failure: string | null;
  readonly looks: number;
  readonly resubmits: number;
  readonly snapshotId: string | null;
  readonly batchId: string | null;
  readonly merkleRoot: string | null;
}

/** A row of `keptSql`. */
export interface KeptRow {
  readonly cursor: string;
  readonly database: string;
  readonly collection: string;
  readonly record_id: string;
  readonly record_version: string;
  readonly event_id: string | null;
  readonly operation: OperationType;
  readonly fingerprint: string;
  readonly record_hash: string | null;
  readonly accepted_at: string;
  readonly stored_at: string;
  readonly replayed: string;
  readonly schema_name: string | null;
  readonly table_name: string | null;
  readonly table_fingerprint: string | null;
  readonly columns: string | null;
  readonly state: ReceiptState;
  readonly anchored_at: string | null;
  readonly raised_at: string | null;
  readonly failure: string | null;
  readonly looks: string;
  readonly resubmits: string;
  readonly snapshot_id: string | null;
  readonly batch_id: string | null;
  readonly merkle_root: string | null;
}

export function toKeptReceipt(row: KeptRow): KeptReceipt {
  return {
    cursor: row.cursor,
    database: row.database,
    collection: row.collection,
    recordId: row.record_id,
    recordVersion: row.record_version,
    eventId: row.event_id,
    operationType: row.operation,
    payloadFingerprint: row.fingerprint,
    recordHash: row.record_hash,
    acceptedAt: row.accepted_at,
    storedAt: row.stored_at,
    replayed: row.replayed === 't',
    table: tableOf(row),
    state: row.state,
    anchoredAt: row.anchored_at,
    raisedAt: row.raised_at,
    failure: row.failure,
    looks: Number(row.looks),
    resubmits: Number(row.resubmits),
    snapshotId: row.snapshot_id,
    batchId: row.batch_id,
    merkleRoot: row.merkle_root,
  };
}

function tableOf(row: KeptRow): KeptReceipt['table'] {
  const { schema_name: schema, table_name: name, table_fingerprint: fingerprint, columns } = row;
  if (schema === null || name === null || fingerprint === null || columns === null) return null;
  // Written by this package, see TableIds.
  const parsed = JSON.parse(columns) as readonly TableVersionColumn[];
  return { schema, name, fingerprint, columns: parsed };
}
