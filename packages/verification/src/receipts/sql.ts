import { quoteIdentifier } from '@certyo-cdc/postgres';

/** The names of the ledger's tables in a schema, quoted. */
export function ledgerTable(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${name}`;
}

/** Columns of `StoredReceipt` of the alias `r`. */
const STORED = `pg_catalog.encode(r.fingerprint, 'hex') AS fingerprint, r.record_hash,
  pg_catalog.to_char(r.accepted_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS accepted_at`;

/**
 * $1 to $11 are arrays of equal length: record keys, versions, times, table ids, record ids, operations, event ids, record
 * hashes, fingerprints, replayed, and whether it may be there under another time; $12 is the time until the first look,
 * milliseconds.
 *
 * The API answers a repeat with the time of its first answer, so that the primary key finds it. Where there may be a repeat
 * it is also looked for under another time; where there can be none, looking for one would be a fifth of the work. Each is due
 * at a time of its own, so that any number of them can be claimed.
 *
 * The arrays are read side by side: `ROWS FROM` would store each of them apart first, a tenth of the work.
 */
export function storeSql(schema: string, mayRepeat: boolean): string {
  const receipts = ledgerTable(schema, 'receipts');
  const unlessKnown = mayRepeat
    ? `WHERE NOT i.is_unsure OR NOT EXISTS (SELECT FROM ${receipts} AS r
  WHERE r.record_key = i.record_key AND r.record_version = i.record_version COLLATE "C" AND r.fingerprint = i.fingerprint)`
    : '';
  return `INSERT INTO ${receipts}
  (record_key, record_version, accepted_at, table_id, record_id, operation, event_id, record_hash, fingerprint, replayed, due_at)
SELECT i.record_key, i.record_version, i.accepted_at, i.table_id, i.record_id, i.operation, i.event_id, i.record_hash,
  i.fingerprint, i.replayed,
  pg_catalog.now() + $12::int8 * '1 millisecond'::interval + i.number * '1 microsecond'::interval
FROM (SELECT
  pg_catalog.unnest($1::uuid[]) AS record_key, pg_catalog.unnest($2::text[]) AS record_version,
  pg_catalog.unnest($3::timestamptz[]) AS accepted_at, pg_catalog.unnest($4::int4[]) AS table_id,
  pg_catalog.unnest($5::text[]) AS record_id, pg_catalog.unnest($6::text[]) AS operation,
  pg_catalog.unnest($7::text[]) AS event_id, pg_catalog.unnest($8::text[]) AS record_hash,
  pg_catalog.unnest($9::bytea[]) AS fingerprint, pg_catalog.unnest($10::bool[]) AS replayed,
  pg_catalog.unnest($11::bool[]) AS is_unsure, pg_catalog.generate_series(1, pg_catalog.cardinality($1::uuid[])) AS number) AS i
${unlessKnown}
${mayRepeat ? 'ON CONFLICT DO NOTHING' : ''}`;
}

/** $1 record keys. One row for each, in order; columns are null where there is no receipt. */
export function latestSql(schema: string): string {
  return `SELECT r.record_version, r.operation, r.state, pg_catalog.encode(r.fingerprint, 'hex') AS fingerprint
FROM pg_catalog.unnest($1::uuid[]) WITH ORDINALITY AS k(record_key, number)
LEFT JOIN LATERAL (SELECT * FROM ${ledgerTable(schema, 'receipts')} AS own
  WHERE own.record_key = k.record_key ORDER BY own.record_version DESC, own.accepted_at DESC LIMIT 1) AS r ON true
ORDER BY k.number`;
}

/** $1 record keys, $2 versions. One row for each, in order; columns are null where there is no receipt. */
export function findSql(schema: string): string {
  return `SELECT ${STORED}
FROM ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::text[])) WITH ORDINALITY AS k(record_key, record_version, number)
LEFT JOIN LATERAL (SELECT * FROM ${ledgerTable(schema, 'receipts')} AS own
  WHERE own.record_key = k.record_key AND own.record_version = k.record_version COLLATE "C"
  ORDER BY own.accepted_at DESC LIMIT 1) AS r ON true
ORDER BY k.number`;
}

/** $1 digest, $2 database, $3 collection, $4 schema, $5 table, $6 fingerprint, $7 columns as JSON. */
export function addTableSql(schema: string): string {
  return `INSERT INTO ${ledgerTable(schema, 'receipt_tables')}
  (digest, database, collection, schema_name, table_name, fingerprint, columns)
VALUES ($1::uuid, $2, $3, $4, $5, $6, $7::jsonb) ON CONFLICT (digest) DO NOTHING`;
}

/** $1 digest. */
export function tableIdSql(schema: string): string {
  return `SELECT id::text AS id FROM ${ledgerTable(schema, 'receipt_tables')} WHERE digest = $1::uuid`;
}

/** $1 pipeline. */
export function sendMarksSql(schema: string): string {
  return `SELECT up_to, ${ageMs('since')} AS age_ms FROM ${ledgerTable(schema, 'receipt_send_marks')}
WHERE pipeline = $1 ORDER BY up_to`;
}

/** $1 pipeline, $2 up to, $3 whether of unknown age. A mark that is there already keeps its age. */
export function addSendMarkSql(schema: string): string {
  return `INSERT INTO ${ledgerTable(schema, 'receipt_send_marks')} AS mark (pipeline, up_to, since)
VALUES ($1, $2, CASE WHEN $3::bool THEN '-infinity'::timestamptz ELSE pg_catalog.clock_timestamp() END)
ON CONFLICT (pipeline, up_to) DO UPDATE SET since = mark.since
RETURNING ${ageMs('since')} AS age_ms`;
}

/** $1 pipeline. Marks that are older than any window become one: it covers what they did, since the first of them. */
export function mergeSendMarksSql(schema: string): string {
  const marks = ledgerTable(schema, 'receipt_send_marks');
  const old = `pipeline = $1 AND since < pg_catalog.now() - '24 hours'::interval`;
  return `WITH merged AS (
  DELETE FROM ${marks} WHERE ${old} AND (SELECT pg_catalog.count(*) FROM ${marks} WHERE ${old}) > 1
  RETURNING up_to, since
)
INSERT INTO ${marks} (pipeline, up_to, since)
SELECT $1, pg_catalog.max(up_to), pg_catalog.min(since) FROM merged HAVING pg_catalog.count(*) > 0`;
}

/** Null where it is not known. */
function ageMs(column: string): string {
  return `CASE WHEN pg_catalog.isfinite(${column}) THEN pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - ${column}) * 1000)::int8::text END`;
}
