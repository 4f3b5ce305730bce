import { ledgerTable } from '../receipts/sql.ts';

function queue(schema: string): string {
  return ledgerTable(schema, 'write_back_queue');
}

/** The queue stands in the ledger, so that a verifier's transaction fills it. */
export function queueSetupSql(schema: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${queue(schema)} (
  target text NOT NULL,
  record_key uuid NOT NULL,
  due_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  attempts int2 NOT NULL DEFAULT 0,
  record_version text COLLATE "C" NOT NULL,
  PRIMARY KEY (target, record_key, record_version)
);`,
    `CREATE INDEX IF NOT EXISTS write_back_queue_due ON ${queue(schema)} (target, due_at);`,
  ];
}

export function queueTeardownSql(schema: string): readonly string[] {
  return [`DROP TABLE IF EXISTS ${queue(schema)};`];
}

/**
 * $1 target, $2 record keys, $3 versions. An entry that a worker has in hand is waited for: it may have read the state from before.
 * In the order of the keys, so that two verifiers do not wait for each other.
 */
export function addToQueueSql(schema: string): string {
  return `INSERT INTO ${queue(schema)} (target, record_key, record_version)
SELECT DISTINCT $1, i.record_key, i.record_version FROM ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::text[])) AS i(record_key, record_version)
ORDER BY 2, 3
ON CONFLICT (target, record_key, record_version) DO UPDATE SET due_at = pg_catalog.now(), attempts = 0`;
}

function iso(column: string): string {
  return `pg_catalog.to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** $1 target, $2 most entries. */
export function takeSql(schema: string): string {
  const receipts = ledgerTable(schema, 'receipts');
  return `SELECT q.record_key, q.record_version, q.attempts, r.state, r.record_id, r.operation, r.record_hash, r.snapshot_id, r.failure,
  pg_catalog.encode(r.fingerprint, 'hex') AS fingerprint, ${iso('r.accepted_at')} AS accepted_at, ${iso('r.anchored_at')} AS anchored_at,
  t.database, t.collection, t.schema_name, t.table_name, t.columns::text AS columns, a.batch_id, a.merkle_root,
  pg_catalog.encode(n.fingerprint, 'hex') AS newest_fingerprint
FROM (SELECT * FROM ${queue(schema)} WHERE target = $1 AND due_at <= pg_catalog.clock_timestamp()
  ORDER BY due_at, record_key LIMIT $2::int4 FOR UPDATE SKIP LOCKED) AS q
LEFT JOIN LATERAL (SELECT * FROM ${receipts} AS own
  WHERE own.record_key = q.record_key AND own.record_version = q.record_version ORDER BY own.accepted_at DESC LIMIT 1) AS r ON true
LEFT JOIN LATERAL (SELECT own.fingerprint FROM ${receipts} AS own
  WHERE own.record_key = q.record_key ORDER BY own.record_version DESC, own.accepted_at DESC LIMIT 1) AS n ON true
LEFT JOIN ${ledgerTable(schema, 'receipt_tables')} AS t ON t.id = r.table_id
LEFT JOIN ${ledgerTable(schema, 'anchors')} AS a ON a.id = r.anchor_id
ORDER BY q.record_key, q.record_version`;
}

const ENTRIES = `ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::text[])) AS i(record_key, record_version)`;
const IS_ENTRY = `q.target = $1 AND q.record_key = i.record_key AND q.record_version = i.record_version COLLATE "C"`;

/** $1 target, $2 record keys, $3 versions. */
export function removeFromQueueSql(schema: string): string {
  return `DELETE FROM ${queue(schema)} AS q USING ${ENTRIES} WHERE ${IS_ENTRY}`;
}

/** $1 target, $2 record keys, $3 versions, $4 milliseconds. */
export function postponeSql(schema: string): string {
  return `UPDATE ${queue(schema)} AS q SET due_at = pg_catalog.clock_timestamp() + i.delay_ms * '1 millisecond'::interval,
  attempts = CASE WHEN q.attempts < 32000 THEN q.attempts + 1 ELSE q.attempts END
FROM ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::int8[])) AS i(record_key, record_version, delay_ms)
WHERE ${IS_ENTRY}`;
}

/** $1 target, $2 a time of acceptance. The newest version of each record that is anchored or has failed. */
export function redriveSql(schema: string): string {
  return `INSERT INTO ${queue(schema)} (target, record_key, record_version)
SELECT DISTINCT ON (r.record_key) $1, r.record_key, r.record_version FROM ${ledgerTable(schema, 'receipts')} AS r
WHERE r.state <> 'pending' AND r.accepted_at >= $2::timestamptz
ORDER BY r.record_key, r.record_version DESC
ON CONFLICT (target, record_key, record_version) DO NOTHING`;
}

/** $1 target, $2 record keys. The newest version of each, where it is anchored. */
export function addAnchoredSql(schema: string): string {
  return `INSERT INTO ${queue(schema)} (target, record_key, record_version)
SELECT $1, n.record_key, n.record_version FROM (SELECT DISTINCT pg_catalog.unnest($2::uuid[])) AS k(record_key)
CROSS JOIN LATERAL (SELECT own.record_key, own.record_version, own.state, own.operation FROM ${ledgerTable(schema, 'receipts')} AS own
  WHERE own.record_key = k.record_key ORDER BY own.record_version DESC, own.accepted_at DESC LIMIT 1) AS n
WHERE n.state = 'anchored' AND n.operation <> 'delete' ORDER BY 2
ON CONFLICT (target, record_key, record_version) DO NOTHING`;
}

/** $1 target. */
export function backlogSql(schema: string): string {
  return `SELECT pg_catalog.count(*)::text AS queued,
  pg_catalog.count(*) FILTER (WHERE due_at <= pg_catalog.clock_timestamp())::text AS due FROM ${queue(schema)} WHERE target = $1`;
}

/** $1 record keys, $2 versions, $3 fingerprints: how many later receipts of the record show the same payload, in order. */
export function echoesSql(schema: string): string {
  return `SELECT (SELECT pg_catalog.count(*) FROM ${ledgerTable(schema, 'receipts')} AS own WHERE own.record_key = i.record_key
  AND own.record_version > i.record_version COLLATE "C" AND own.fingerprint = pg_catalog.decode(i.fingerprint, 'hex'))::text AS echoes
FROM ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) WITH ORDINALITY
  AS i(record_key, record_version, fingerprint, number) ORDER BY i.number`;
}
