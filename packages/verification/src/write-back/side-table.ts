import { quoteIdentifier, type SqlExecutor } from '@certyo-cdc/postgres';

import { ledgerTable } from '../receipts/sql.ts';
import type { QueuedReceipt } from './queue.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** The side table: one row for each record, with the status of the newest version that has one. */
export function sideTableSetupSql(schema: string): readonly string[] {
  const table = ledgerTable(schema, 'row_status');
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table} (
  record_key uuid PRIMARY KEY,
  written_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  accepted_at timestamptz NOT NULL,
  anchored_at timestamptz,
  database text NOT NULL,
  collection text NOT NULL,
  record_id text NOT NULL,
  record_version text COLLATE "C" NOT NULL,
  operation text NOT NULL,
  status text NOT NULL CHECK (status IN ('failed', 'anchored')),
  fingerprint bytea NOT NULL,
  record_hash text,
  snapshot_id text,
  batch_id text,
  merkle_root text,
  failure text
);`,
    // Record ids may be longer than an entry of a btree can be.
    `CREATE INDEX IF NOT EXISTS row_status_record_id ON ${table} USING hash (record_id);`,
  ];
}

export function sideTableTeardownSql(schema: string): readonly string[] {
  return [`DROP TABLE IF EXISTS ${ledgerTable(schema, 'row_status')};`];
}

const COLUMNS = [
  ['record_key', 'uuid'],
  ['accepted_at', 'timestamptz'],
  ['anchored_at', 'timestamptz'],
  ['database', 'text'],
  ['collection', 'text'],
  ['record_id', 'text'],
  ['record_version', 'text'],
  ['operation', 'text'],
  ['status', 'text'],
  ['record_hash', 'text'],
  ['snapshot_id', 'text'],
  ['batch_id', 'text'],
  ['merkle_root', 'text'],
  ['failure', 'text'],
  ['fingerprint', 'text'],
] as const;

/**
 * Arrays in the order of `COLUMNS`. A status is replaced by that of a later version, and `failed` of the same version by
 * `anchored`; never the other way round (V-09).
 */
function upsertSql(schema: string): string {
  const names = COLUMNS.map(([name]) => name);
  const arrays = COLUMNS.map(([, type], index) => `pg_catalog.unnest($${index + 1}::${type}[])`);
  const values = names.map((name) =>
    name === 'fingerprint' ? "pg_catalog.decode(i.fingerprint, 'hex')" : `i.${name}`,
  );
  const changed = names.filter((name) => name !== 'record_key');
  return `INSERT INTO ${ledgerTable(schema, 'row_status')} AS s (${names.join(', ')})
SELECT ${values.join(', ')} FROM ROWS FROM (${arrays.join(', ')}) AS i(${names.join(', ')}) ORDER BY i.record_key
ON CONFLICT (record_key) DO UPDATE SET ${changed.map((name) => `${name} = excluded.${name}`).join(', ')}, written_at = pg_catalog.now()
WHERE s.record_version < excluded.record_version
  OR s.record_version = excluded.record_version AND s.status = 'failed' AND excluded.status = 'anchored'`;
}

/** Writes the status of one version of each record; gives the number that was new. */
export async function writeSideTable(
  executor: SqlExecutor,
  schema: string,
  receipts: readonly QueuedReceipt[],
  options: CallOptions,
): Promise<number> {
  if (receipts.length === 0) return 0;
  const column = (read: (receipt: QueuedReceipt) => string | null): readonly (string | null)[] =>
    receipts.map(read);
  const { rowCount } = await executor.query(
    upsertSql(schema),
    [
      column(({ recordKey }) => recordKey),
      column(({ acceptedAt }) => acceptedAt),
      column(({ anchoredAt }) => anchoredAt),
      column(({ database }) => database),
      column(({ collection }) => collection),
      column(({ recordId }) => recordId),
      column(({ recordVersion }) => recordVersion),
      column(({ operationType }) => operationType),
      column(({ state }) => state),
      column(({ recordHash }) => recordHash),
      column(({ snapshotId }) => snapshotId),
      column(({ batchId }) => batchId),
      column(({ merkleRoot }) => merkleRoot),
      column(({ failure }) => failure),
      column(({ payloadFingerprint }) => payloadFingerprint),
    ],
    options,
  );
  return rowCount;
}
