import {
  type QualifiedName,
  qualifiedName,
  quoteIdentifier,
  quoteLiteral,
} from '../identifier/quote.ts';
import { FLUSHED_LSN_SQL, SERVER_LIFE_SQL, WRITTEN_LSN_SQL } from './flush-fence.ts';

/** What a page is read from. */
export interface PageQuery {
  readonly table: QualifiedName;
  readonly sequence: QualifiedName;
  readonly sequenceColumn: string;
  readonly xidColumn: string | null;
  /** SQL expressions over the table's columns, by alias. */
  readonly select: Readonly<Record<string, string>>;
  /** SQL expressions, by name. */
  readonly guards: Readonly<Record<string, string>>;
  readonly waitForFlush: boolean;
}

/** The members of a page's header, in order; the guards follow. */
export const HEADER_LENGTH = 7;

/**
 * Reads, in one statement and so in one snapshot: a header (one row whose `sequence` is null), and the rows behind $1.
 *
 * $1 everything up to here was read, $2 numbers up to here are settled (not below $1), $3 greatest number of rows, $4 bytes
 * after which no further row is given. A row has `given` where no number that is not settled is missing before it, and only
 * then its values. What had been drawn is read after the snapshot was taken: no visible row has a greater number.
 */
export function pageSql(query: PageQuery): string {
  const sequence = `log.${quoteIdentifier(query.sequenceColumn)}`;
  const xid = query.xidColumn === null ? 'NULL' : `log.${quoteIdentifier(query.xidColumn)}::text`;
  const expressions = Object.entries(query.select);
  const size = expressions
    .map(([, expression]) => `coalesce(pg_catalog.octet_length((${expression})::text), 0)::float8`)
    .join(' + ');
  const values = expressions.map(
    ([alias, expression]) =>
      `, CASE WHEN log.certyo_given THEN (${expression})::text END AS ${quoteIdentifier(alias)}`,
  );
  return `SELECT NULL::text AS certyo_header, ${sequence}::text AS certyo_sequence, ${xid} AS certyo_xid,
  CASE WHEN log.certyo_given THEN 'g' WHEN log.certyo_settled THEN 'c' END AS certyo_state${values.join('')}
FROM (
  SELECT log.*, log.certyo_settled AND log.certyo_bytes < $4::float8 AS certyo_given
  FROM (
    SELECT log.*,
      ${sequence} <= $2::int8 OR ${sequence} - $2::int8
        = pg_catalog.count(*) FILTER (WHERE ${sequence} > $2::int8) OVER rows_before AS certyo_settled,
      pg_catalog.sum(${size === '' ? '0::float8' : size}) OVER rows_before - (${size === '' ? '0::float8' : size}) AS certyo_bytes
    FROM (
      SELECT * FROM ${qualifiedName(query.table)} AS log
      WHERE ${sequence} > $1::int8 ORDER BY ${sequence} LIMIT $3::int8
    ) AS log
    WINDOW rows_before AS (ORDER BY ${sequence} ROWS UNBOUNDED PRECEDING)
  ) AS log
) AS log
UNION ALL
SELECT ${headerSql(query)}, NULL, NULL, NULL${expressions.map(() => ', NULL').join('')}`;
}

function headerSql({ sequence, guards, waitForFlush }: PageQuery): string {
  const name = qualifiedName(sequence);
  const members = [
    `(SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM ${name})::text`,
    `(SELECT seqcache = 1 AND NOT seqcycle AND seqincrement > 0 FROM pg_catalog.pg_sequence WHERE seqrelid = ${quoteLiteral(name)}::pg_catalog.regclass)::text`,
    'pg_catalog.pg_is_in_recovery()::text',
    'pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())::text',
    waitForFlush ? WRITTEN_LSN_SQL : 'NULL::text',
    waitForFlush ? FLUSHED_LSN_SQL : 'NULL::text',
    waitForFlush ? SERVER_LIFE_SQL : 'NULL::text',
    ...Object.values(guards).map((guard) => `(${guard})::text`),
  ];
  return `pg_catalog.json_build_array(${members.join(', ')})::text`;
}

/**
 * Who holds the lock under which numbers are drawn, in one look. `transactionid` locks give the ids of the holders, for
 * those who have one. Every role sees all locks. https://www.postgresql.org/docs/current/view-pg-locks.html
 */
export function holdersSql(table: QualifiedName): string {
  return `SELECT virtualtransaction AS id, pg_catalog.max(pid)::text AS pid,
  pg_catalog.string_agg(transactionid::text, ',') AS xids
FROM pg_catalog.pg_locks
WHERE granted AND (
  (locktype = 'relation' AND mode = 'RowExclusiveLock'
    AND relation = ${quoteLiteral(qualifiedName(table))}::pg_catalog.regclass
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  OR (locktype = 'transactionid' AND mode = 'ExclusiveLock'))
GROUP BY virtualtransaction HAVING pg_catalog.bool_or(locktype = 'relation')`;
}

/** The greatest number that is visible, or null. */
export function committedToSql(table: QualifiedName, sequenceColumn: string): string {
  return `SELECT pg_catalog.max(${quoteIdentifier(sequenceColumn)})::text AS sequence FROM ${qualifiedName(table)}`;
}
