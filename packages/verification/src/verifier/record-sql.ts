import { ledgerTable } from '../receipts/sql.ts';

function time(parameter: string): string {
  return `'epoch'::timestamptz + ${parameter} * '1 microsecond'::interval`;
}

/** Arrays of equal length: $1 digests, in their order, $2 batch ids, $3 roots, $4 whether anchored, $5 times in microseconds. */
export function keepAnchorsSql(schema: string): string {
  return `INSERT INTO ${ledgerTable(schema, 'anchors')} AS a (digest, batch_id, merkle_root, state, anchored_at)
SELECT s.digest, s.batch_id, s.merkle_root, CASE WHEN s.is_anchored THEN 'anchored' ELSE 'waiting' END, ${time('s.anchored_us')}
FROM ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]),
  pg_catalog.unnest($4::bool[]), pg_catalog.unnest($5::int8[])) AS s(digest, batch_id, merkle_root, is_anchored, anchored_us)
ON CONFLICT (digest) DO UPDATE SET state = CASE WHEN 'anchored' IN (a.state, excluded.state) THEN 'anchored' ELSE 'waiting' END,
  merkle_root = coalesce(excluded.merkle_root, a.merkle_root), anchored_at = coalesce(a.anchored_at, excluded.anchored_at)
RETURNING a.id, a.digest`;
}

/**
 * Arrays of equal length: $1 record keys, $2 versions, $3 times of acceptance in microseconds (the primary key), $4 states,
 * $5 milliseconds until the next look, $6 snapshot ids, $7 anchor ids, $8 and $9 times anchored and failed in microseconds,
 * $10 failures, $11 resubmissions, $12 whether it is raised. Gives the number of each that was changed, from 1: what somebody
 * else has finished meanwhile stays as it is.
 */
export function recordSql(schema: string): string {
  return `UPDATE ${ledgerTable(schema, 'receipts')} AS r SET
  state = o.state,
  due_at = CASE WHEN o.due_ms IS NULL THEN r.due_at
    ELSE pg_catalog.now() + o.due_ms * '1 millisecond'::interval + o.number * '1 microsecond'::interval END,
  looked_at = pg_catalog.now(),
  looks = CASE WHEN r.looks < 32000 THEN r.looks + 1 ELSE r.looks END,
  snapshot_id = coalesce(o.snapshot_id, r.snapshot_id),
  anchor_id = o.anchor_id,
  anchored_at = ${time('o.anchored_us')},
  failed_at = ${time('o.failed_us')},
  failure = o.failure,
  resubmits = r.resubmits + o.resubmits,
  raised_at = CASE WHEN o.raises THEN pg_catalog.now() ELSE r.raised_at END
FROM ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::int8[]),
  pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::int8[]), pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::int4[]),
  pg_catalog.unnest($8::int8[]), pg_catalog.unnest($9::int8[]), pg_catalog.unnest($10::text[]), pg_catalog.unnest($11::int2[]),
  pg_catalog.unnest($12::bool[])) WITH ORDINALITY
  AS o(record_key, record_version, accepted_us, state, due_ms, snapshot_id, anchor_id, anchored_us, failed_us, failure,
    resubmits, raises, number)
WHERE r.record_key = o.record_key AND r.record_version = o.record_version COLLATE "C"
  AND r.accepted_at = ${time('o.accepted_us')} AND r.state = 'pending'
RETURNING o.number`;
}
