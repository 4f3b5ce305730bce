import { DEFAULT_SCHEMA, quoteIdentifier } from '@certyo-cdc/postgres';

import { ledgerTable } from '../receipts/sql.ts';
import { maintainFunctionSql } from './maintain-function.ts';
import type { LedgerShape } from './options.ts';

/** Everything that the ledger consists of, in the order in which it is removed. */
const TABLES = [
  'receipts',
  'receipt_tables',
  'receipt_send_marks',
  'receipt_partitions',
  'anchors',
  'verifier_claims',
] as const;

/** The SQL that makes the ledger. Running it twice changes nothing, but sets partitioning and retention anew. */
export function ledgerSetupSql(
  shape: LedgerShape,
  schema: string = DEFAULT_SCHEMA,
): readonly string[] {
  const table = (name: string): string => ledgerTable(schema, name);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)};`,
    `CREATE TABLE IF NOT EXISTS ${table('receipt_tables')} (
  id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest uuid NOT NULL UNIQUE,
  database text NOT NULL,
  collection text NOT NULL,
  schema_name text,
  table_name text,
  fingerprint text,
  columns jsonb,
  seen_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);`,
    // The widths are in falling order, so that nothing is lost to alignment.
    `CREATE TABLE IF NOT EXISTS ${table('receipts')} (
  record_key uuid NOT NULL,
  accepted_at timestamptz NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  due_at timestamptz NOT NULL,
  looked_at timestamptz,
  anchored_at timestamptz,
  raised_at timestamptz,
  failed_at timestamptz,
  table_id int4 NOT NULL,
  anchor_id int4,
  looks int2 NOT NULL DEFAULT 0,
  resubmits int2 NOT NULL DEFAULT 0,
  replayed boolean NOT NULL,
  record_version text COLLATE "C" NOT NULL,
  record_id text NOT NULL,
  operation text NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'anchored', 'failed')),
  fingerprint bytea NOT NULL,
  event_id text,
  record_hash text,
  snapshot_id text,
  failure text,
  PRIMARY KEY (record_key, record_version, accepted_at)
) PARTITION BY RANGE (accepted_at);`,
    `CREATE TABLE IF NOT EXISTS ${table('receipts_default')} PARTITION OF ${table('receipts')} DEFAULT;`,
    `CREATE INDEX IF NOT EXISTS receipts_due ON ${table('receipts')} (due_at, accepted_at) WHERE state = 'pending';`,
    `CREATE INDEX IF NOT EXISTS receipts_failed ON ${table('receipts')} (accepted_at) WHERE state = 'failed';`,
    `CREATE TABLE IF NOT EXISTS ${table('receipt_send_marks')} (
  pipeline text NOT NULL,
  up_to text COLLATE "C" NOT NULL,
  since timestamptz NOT NULL,
  PRIMARY KEY (pipeline, up_to)
);`,
    `CREATE TABLE IF NOT EXISTS ${table('receipt_partitions')} (
  name text PRIMARY KEY,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL
);`,
    `CREATE TABLE IF NOT EXISTS ${table('anchors')} (
  id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest uuid NOT NULL UNIQUE,
  batch_id text,
  merkle_root text,
  state text NOT NULL CHECK (state IN ('waiting', 'anchored')),
  anchored_at timestamptz,
  detail jsonb,
  seen_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);`,
    `CREATE TABLE IF NOT EXISTS ${table('verifier_claims')} (
  id uuid PRIMARY KEY,
  from_due timestamptz NOT NULL,
  to_due timestamptz NOT NULL,
  holder text NOT NULL,
  expires_at timestamptz NOT NULL
);`,
    maintainFunctionSql(shape, schema),
    `REVOKE ALL ON FUNCTION ${ledgerTable(schema, 'maintain_receipts')}() FROM PUBLIC;`,
    `SELECT ${ledgerTable(schema, 'maintain_receipts')}();`,
  ];
}

/** The SQL that removes the ledger with every receipt in it. The schema stays: it may hold other things. */
export function ledgerTeardownSql(schema: string = DEFAULT_SCHEMA): readonly string[] {
  return [
    `DROP FUNCTION IF EXISTS ${ledgerTable(schema, 'maintain_receipts')}();`,
    ...TABLES.map((name) => `DROP TABLE IF EXISTS ${ledgerTable(schema, name)};`),
  ];
}
