import { qualifiedName, type QualifiedName, quoteLiteral } from '@certyo-cdc/postgres';

/** $1 oid of a table. Its primary key in key order. */
export const PRIMARY_KEY_SQL = `
  SELECT a.attname::text AS name
    FROM pg_catalog.pg_index i
   CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
   WHERE i.indrelid = $1::pg_catalog.oid AND i.indisprimary AND k.n <= i.indnkeyatts
   ORDER BY k.n`;

/** The log's companions carry its name with a suffix. */
export function companion(log: QualifiedName, suffix: 'columns' | 'sequence' | 'state'): string {
  return qualifiedName({ schema: log.schema, name: `${log.name}_${suffix}` });
}

/** $1 digests. */
export function logColumnsSql(log: QualifiedName): string {
  return `
  SELECT DISTINCT ON (digest) digest, relation::text AS relation, root::text AS root, schema, name, columns
    FROM ${companion(log, 'columns')} WHERE digest = ANY ($1::pg_catalog.text[])`;
}

/** What a page selects of a log row, besides its number and transaction. */
export const LOG_ROW = {
  operation: 'operation',
  columns: 'columns',
  old_row: 'old_row',
  new_row: 'new_row',
  changed_at: `pg_catalog.to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
} as const;

/** The number of the WAL's timeline, as the first digits of a segment's name: it changes with every failover. */
export const TIMELINE_SQL =
  'pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)';

/** Where the log begins and which one it is, and whether this reader may read it; read together with every page. */
export function logGuards(
  log: QualifiedName,
  lease: string,
): Readonly<Record<'logId' | 'prunedThrough' | 'timeline' | 'lease', string>> {
  const state = companion(log, 'state');
  return {
    logId: `(SELECT id FROM ${state})`,
    prunedThrough: `(SELECT pruned_through FROM ${state})`,
    timeline: TIMELINE_SQL,
    lease,
  };
}

/** One row: the log's state, and the last number that was drawn. */
export function logStateSql(log: QualifiedName): string {
  return `
  SELECT s.id AS log_id, s.pruned_through::text AS pruned_through, ${TIMELINE_SQL} AS timeline,
         pg_catalog.floor(extract(epoch FROM s.created_at) * 1000)::pg_catalog.int8::text AS created_at_ms,
         (CASE WHEN q.is_called THEN q.last_value ELSE q.last_value - 1 END)::text AS drawn
    FROM ${companion(log, 'state')} s, ${companion(log, 'sequence')} q`;
}

/**
 * True while the lease lasts, on the very log and timeline that were read: a server that was promoted may have given the
 * numbers of what was acknowledged to other changes, and what is noted as pruned counts as proof that it has them.
 */
export function pruneGuard(
  log: QualifiedName,
  read: { readonly logId: string; readonly timeline: string; readonly lease: string },
): string {
  return `CASE WHEN ${TIMELINE_SQL} = ${quoteLiteral(read.timeline)}
    AND (SELECT id FROM ${companion(log, 'state')}) = ${quoteLiteral(read.logId)} THEN ${read.lease} END`;
}

/**
 * Deletes acknowledged rows and says so, in one statement, which is one transaction. $1 what was pruned before, $2 what is
 * acknowledged, $3 most rows. `guard` is true while this reader may.
 */
export function pruneSql(log: QualifiedName, guard: string): string {
  const table = qualifiedName(log);
  return `
  WITH may AS (SELECT (${guard}) = 'true' AS ok),
  bound AS (
    SELECT pg_catalog.max(r.sequence) AS through, pg_catalog.count(*) AS rows
      FROM (SELECT sequence FROM ${table} WHERE sequence > $1::pg_catalog.int8 AND sequence <= $2::pg_catalog.int8
             ORDER BY sequence LIMIT $3::pg_catalog.int4) r
     WHERE (SELECT ok FROM may)
  ), gone AS (
    DELETE FROM ${table} l USING bound b
     WHERE l.sequence > $1::pg_catalog.int8 AND l.sequence <= b.through
  ), noted AS (
    UPDATE ${companion(log, 'state')} s
       SET pruned_through = greatest(s.pruned_through, CASE WHEN b.rows = $3::pg_catalog.int4 THEN b.through ELSE $2::pg_catalog.int8 END)
      FROM bound b WHERE (SELECT ok FROM may)
  )
  SELECT m.ok::text AS ok, b.through::text AS through, b.rows::text AS rows FROM may m, bound b`;
}

/** $1 what is acknowledged. Age of the oldest change behind it, milliseconds, by the server's clock. */
export function oldestSql(log: QualifiedName): string {
  return `
  SELECT greatest(0, pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - changed_at) * 1000))::pg_catalog.int8::text AS age_ms
    FROM ${qualifiedName(log)} WHERE sequence > $1::pg_catalog.int8 ORDER BY sequence LIMIT 1`;
}
