import { ledgerTable } from '../receipts/sql.ts';

function claims(schema: string): string {
  return ledgerTable(schema, 'verifier_claims');
}

/** Microseconds since 1970 as text: exact, and comparable as a number. */
function micros(column: string): string {
  return `pg_catalog.floor(extract(epoch FROM ${column}) * 1000000)::int8::text`;
}

function time(parameter: string): string {
  return `'epoch'::timestamptz + ${parameter}::int8 * '1 microsecond'::interval`;
}

/** What was claimed by one that died is free again as soon as its time is over, whether or not anybody has dropped the claim. */
function isUnclaimed(schema: string): string {
  return `NOT EXISTS (SELECT FROM ${claims(schema)} AS c
    WHERE r.due_at BETWEEN c.from_due AND c.to_due AND c.expires_at > pg_catalog.clock_timestamp())`;
}

/** Claims are taken one after the other. */
export function lockClaimsSql(schema: string): string {
  return `LOCK TABLE ${claims(schema)} IN SHARE ROW EXCLUSIVE MODE`;
}

export function dropExpiredSql(schema: string): string {
  return `DELETE FROM ${claims(schema)} WHERE expires_at <= pg_catalog.clock_timestamp()`;
}

/** The ranges that others have. */
export function claimedSql(schema: string): string {
  return `SELECT ${micros('from_due')} AS from_due FROM ${claims(schema)} ORDER BY from_due`;
}

/** The server's time in microseconds. */
export function nowSql(): string {
  return `SELECT ${micros('pg_catalog.clock_timestamp()')} AS now_us`;
}

/** $1 most receipts, $2 a time in microseconds. The oldest ones that were due at that time and that nobody has claimed. */
export function dueSql(schema: string): string {
  return `SELECT r.record_key, r.record_version, ${micros('r.accepted_at')} AS accepted_us, ${micros('r.due_at')} AS due_us,
  r.table_id, r.record_id, r.record_hash, r.snapshot_id, r.anchor_id, r.looks, r.resubmits,
  ${micros('r.failed_at')} AS failed_us, (r.raised_at IS NOT NULL)::text AS is_raised
FROM ${ledgerTable(schema, 'receipts')} AS r
WHERE r.state = 'pending' AND r.due_at <= ${time('$2')}
  AND ${isUnclaimed(schema)}
ORDER BY r.due_at LIMIT $1::int4`;
}

/** $1 id, $2 and $3 first and last due time in microseconds, $4 holder, $5 milliseconds. */
export function claimSql(schema: string): string {
  return `INSERT INTO ${claims(schema)} (id, from_due, to_due, holder, expires_at)
VALUES ($1::uuid, ${time('$2')}, ${time('$3')}, $4, pg_catalog.clock_timestamp() + $5::int8 * '1 millisecond'::interval)`;
}

/** $1 id, $2 milliseconds. */
export function renewClaimSql(schema: string): string {
  return `UPDATE ${claims(schema)} SET expires_at = pg_catalog.clock_timestamp() + $2::int8 * '1 millisecond'::interval
WHERE id = $1::uuid`;
}

/** $1 id. */
export function releaseClaimSql(schema: string): string {
  return `DELETE FROM ${claims(schema)} WHERE id = $1::uuid`;
}

/** $1 table ids. */
export function tablesSql(schema: string): string {
  return `SELECT id, database, collection FROM ${ledgerTable(schema, 'receipt_tables')} WHERE id = ANY ($1::int4[])`;
}

/** $1 anchor ids. */
export function anchorsSql(schema: string): string {
  return `SELECT id, batch_id, merkle_root, state, ${micros('anchored_at')} AS anchored_us
FROM ${ledgerTable(schema, 'anchors')} WHERE id = ANY ($1::int4[])`;
}

/** $1 most receipts. How many are due that nobody has claimed, `$1` at most, and for how long the oldest of them, milliseconds. */
export function backlogSql(schema: string): string {
  return `SELECT pg_catalog.count(*)::text AS due,
  pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(due_at)) * 1000)::int8::text AS late_ms
FROM (SELECT r.due_at FROM ${ledgerTable(schema, 'receipts')} AS r
  WHERE r.state = 'pending' AND r.due_at <= pg_catalog.clock_timestamp()
  AND ${isUnclaimed(schema)}
  ORDER BY r.due_at LIMIT $1::int4) AS due`;
}
