import { ledgerTable } from './sql.ts';

/** A time as ISO 8601; the session's time zone is UTC. */
export function isoTime(column: string): string {
  return `pg_catalog.to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** The order of listings, and the text that names a place in it. */
const PLACE = '(r.accepted_at, r.record_key, r.record_version)';
const CURSOR = `pg_catalog.format('%s/%s/%s', ${isoTime('r.accepted_at')}, r.record_key, r.record_version)`;

function keptSql(schema: string): string {
  return `SELECT ${CURSOR} AS cursor, t.database, t.collection, r.record_id, r.record_version, r.event_id, r.operation,
  pg_catalog.encode(r.fingerprint, 'hex') AS fingerprint, r.record_hash, ${isoTime('r.accepted_at')} AS accepted_at,
  ${isoTime('r.stored_at')} AS stored_at, r.replayed, t.schema_name, t.table_name, t.fingerprint AS table_fingerprint, t.columns,
  r.state, ${isoTime('r.anchored_at')} AS anchored_at, ${isoTime('r.raised_at')} AS raised_at, r.failure, r.looks, r.resubmits,
  r.snapshot_id, a.batch_id, a.merkle_root
FROM ${ledgerTable(schema, 'receipts')} AS r
JOIN ${ledgerTable(schema, 'receipt_tables')} AS t ON t.id = r.table_id
LEFT JOIN ${ledgerTable(schema, 'anchors')} AS a ON a.id = r.anchor_id`;
}

/** $1 state, $2 to $4 the place after which to begin (time, key, version) or nulls, $5 limit. Oldest first. */
export function listSql(schema: string): string {
  return `${keptSql(schema)}
WHERE r.state = $1 AND ($2::timestamptz IS NULL OR ${PLACE} > ($2::timestamptz, $3::uuid, $4::text COLLATE "C"))
ORDER BY r.accepted_at, r.record_key, r.record_version LIMIT $5::int4`;
}

/** $1 record key. Oldest version first. */
export function historySql(schema: string): string {
  return `${keptSql(schema)} WHERE r.record_key = $1::uuid ORDER BY r.record_version, r.accepted_at`;
}

/** How many are pending and failed, and since when the oldest of them waits. */
export function summarySql(schema: string): string {
  const receipts = ledgerTable(schema, 'receipts');
  const raised = `(SELECT pg_catalog.count(*) FROM ${receipts} WHERE state = 'pending' AND raised_at IS NOT NULL)`;
  return `SELECT pg_catalog.count(*)::text AS pending, ${isoTime('pg_catalog.min(r.accepted_at)')} AS oldest_pending_at,
  ${raised}::text AS overdue, (SELECT pg_catalog.count(*) FROM ${receipts} WHERE state = 'failed')::text AS failed
FROM ${receipts} AS r WHERE r.state = 'pending'`;
}

/** $1 time of acceptance from which on to count. Milliseconds from acceptance to the anchor. */
export function anchoredWithinSql(schema: string): string {
  const within = 'extract(epoch FROM r.anchored_at - r.accepted_at) * 1000';
  const percentile = (share: number): string =>
    `pg_catalog.round((pg_catalog.percentile_disc(${String(share)}) WITHIN GROUP (ORDER BY ${within}))::numeric)::text`;
  return `SELECT pg_catalog.count(*)::text AS receipts, ${percentile(0.5)} AS p50, ${percentile(0.95)} AS p95,
  ${percentile(0.99)} AS p99, ${percentile(1)} AS longest
FROM ${ledgerTable(schema, 'receipts')} AS r
WHERE r.state = 'anchored' AND r.accepted_at >= $1::timestamptz`;
}

/** $1 most receipts. The oldest failed ones become pending, as if they had never been looked at. */
export function requeueSql(schema: string): string {
  const receipts = ledgerTable(schema, 'receipts');
  return `UPDATE ${receipts} AS r SET state = 'pending', due_at = pg_catalog.now(), looks = 0, resubmits = 0,
  failed_at = NULL, failure = NULL, anchor_id = NULL
FROM (SELECT accepted_at, record_key, record_version FROM ${receipts} WHERE state = 'failed'
  ORDER BY accepted_at LIMIT $1::int4 FOR UPDATE SKIP LOCKED) AS f
WHERE r.accepted_at = f.accepted_at AND r.record_key = f.record_key AND r.record_version = f.record_version`;
}

/** Partitions made and dropped: names behind `+` and `-`. */
export function maintainSql(schema: string): string {
  return `SELECT pg_catalog.array_to_string(${ledgerTable(schema, 'maintain_receipts')}(), ',') AS done`;
}
