import type { OperationType, RecordName, TableVersionColumn } from '@certyo-cdc/core';

import { isoTime } from '../receipts/query-sql.ts';
import type { LedgerAccess } from '../receipts/ledger-access.ts';
import type { ReceiptState } from '../receipts/kept-receipt.ts';
import { recordKey } from '../receipts/record-key.ts';
import { ledgerTable } from '../receipts/sql.ts';

/** What the newest receipt of a record says, as far as an audit needs it. */
export interface NewestReceipt {
  readonly recordVersion: string;
  readonly operation: OperationType;
  readonly state: ReceiptState;
  readonly fingerprint: string;
  readonly recordHash: string | null;
  readonly tableId: number;
  /** ISO 8601. */
  readonly acceptedAt: string;
  readonly storedAt: string;
  /** Whether an older version was accepted after it. */
  readonly isOutOfOrder: boolean;
}

/** A record as the ledger has it. */
export interface LedgerRecord extends NewestReceipt {
  readonly recordKey: string;
  readonly recordId: string;
}

/** What a receipt was made of. */
export interface LedgerTable {
  readonly id: number;
  readonly database: string;
  readonly collection: string;
  readonly schema: string;
  readonly name: string;
  readonly fingerprint: string;
  readonly columns: readonly TableVersionColumn[];
}

interface Row {
  readonly record_key: string;
  readonly record_id: string;
  readonly record_version: string | null;
  readonly operation: OperationType;
  readonly state: ReceiptState;
  readonly fingerprint: string;
  readonly record_hash: string | null;
  readonly table_id: string;
  readonly accepted_at: string;
  readonly stored_at: string;
  readonly late: string;
}

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Clocks of one API may differ by so much. */
const CLOCK_TOLERANCE = "'60 seconds'::interval";
/** Ends the version of what `reconcile` has sent: accepted late by its nature. */
export const RECONCILED = '+r';

const COLUMNS = `r.record_version, r.operation, r.state, pg_catalog.encode(r.fingerprint, 'hex') AS fingerprint, r.record_hash,
  r.table_id::text AS table_id, ${isoTime('r.accepted_at')} AS accepted_at, ${isoTime('r.stored_at')} AS stored_at`;

/** The newest receipts of these records, in their order. */
export async function newestReceipts(
  access: LedgerAccess,
  records: readonly RecordName[],
  options: CallOptions,
): Promise<readonly (NewestReceipt | null)[]> {
  if (records.length === 0) return [];
  const receipts = ledgerTable(access.schema, 'receipts');
  const rows = await access.rows<Row>(
    `SELECT ${COLUMNS}, EXISTS (SELECT FROM ${receipts} AS late WHERE late.record_key = k.record_key
    AND late.record_version < r.record_version AND late.accepted_at > r.accepted_at + ${CLOCK_TOLERANCE} AND NOT late.replayed
    AND pg_catalog.strpos(late.record_version, '${RECONCILED}') = 0)::text AS late
FROM pg_catalog.unnest($1::uuid[]) WITH ORDINALITY AS k(record_key, number)
LEFT JOIN LATERAL (SELECT * FROM ${receipts} AS own WHERE own.record_key = k.record_key
  ORDER BY own.record_version DESC, own.accepted_at DESC LIMIT 1) AS r ON true
ORDER BY k.number`,
    [records.map((record) => recordKey(record))],
    options,
  );
  return rows.map((row) =>
    row.record_version === null ? null : toNewest(row, row.record_version),
  );
}

/** The records of a part of the ledger with their newest receipts, from the greatest key on downwards. */
export async function readRecords(
  access: LedgerAccess,
  range: { readonly from: string; readonly before: string | null; readonly limit: number },
  options: CallOptions,
): Promise<readonly LedgerRecord[]> {
  const rows = await access.rows<Row>(
    `SELECT DISTINCT ON (r.record_key) r.record_key::text AS record_key, r.record_id, ${COLUMNS}, 'false' AS late
FROM ${ledgerTable(access.schema, 'receipts')} AS r
WHERE r.record_key >= $1::uuid ${range.before === null ? '' : 'AND r.record_key < $3::uuid'}
ORDER BY r.record_key DESC, r.record_version DESC, r.accepted_at DESC LIMIT $2::int4`,
    [range.from, range.limit, ...(range.before === null ? [] : [range.before])],
    options,
  );
  return rows.map((row) => ({
    ...toNewest(row, row.record_version ?? ''),
    recordKey: row.record_key,
    recordId: row.record_id,
  }));
}

/** The version of this record that shows this fingerprint and is the newest such; only what was stored since, where a time is given. */
export async function versionWith(
  access: LedgerAccess,
  record: RecordName,
  fingerprint: string,
  since: string | null,
  options: CallOptions,
): Promise<string | null> {
  const rows = await access.rows<{ readonly record_version: string }>(
    `SELECT r.record_version FROM ${ledgerTable(access.schema, 'receipts')} AS r
WHERE r.record_key = $1::uuid AND r.fingerprint = pg_catalog.decode($2, 'hex') AND r.operation <> 'delete'
  AND ($3::timestamptz IS NULL OR r.stored_at >= $3::timestamptz)
ORDER BY r.record_version DESC LIMIT 1`,
    [recordKey(record), fingerprint, since],
    options,
  );
  return rows[0]?.record_version ?? null;
}

/** All versions of tables that receipts were made of. */
export async function readLedgerTables(
  access: LedgerAccess,
  options: CallOptions,
): Promise<readonly LedgerTable[]> {
  const rows = await access.rows<{
    readonly id: string;
    readonly database: string;
    readonly collection: string;
    readonly schema_name: string;
    readonly table_name: string;
    readonly fingerprint: string;
    readonly columns: string;
  }>(
    `SELECT id::text AS id, database, collection, schema_name, table_name, fingerprint, columns
FROM ${ledgerTable(access.schema, 'receipt_tables')} WHERE columns IS NOT NULL ORDER BY receipt_tables.id`,
    [],
    options,
  );
  return rows.map((row) => ({
    id: Number(row.id),
    database: row.database,
    collection: row.collection,
    schema: row.schema_name,
    name: row.table_name,
    fingerprint: row.fingerprint,
    // Written by this package, see TableIds.
    columns: JSON.parse(row.columns) as readonly TableVersionColumn[],
  }));
}

/** The ledger's clock. */
export async function ledgerNow(access: LedgerAccess, options: CallOptions): Promise<string> {
  const rows = await access.rows<{ readonly now: string }>(
    `SELECT ${isoTime('pg_catalog.clock_timestamp()')} AS now`,
    [],
    options,
  );
  return rows[0]?.now ?? '';
}

function toNewest(row: Row, recordVersion: string): NewestReceipt {
  return {
    recordVersion,
    operation: row.operation,
    state: row.state,
    fingerprint: row.fingerprint,
    recordHash: row.record_hash,
    tableId: Number(row.table_id),
    acceptedAt: row.accepted_at,
    storedAt: row.stored_at,
    isOutOfOrder: row.late === 'true',
  };
}
