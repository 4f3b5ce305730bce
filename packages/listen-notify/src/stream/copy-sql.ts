import { qualifiedName, type QualifiedName } from '@certyo-cdc/postgres';
import { companion } from './sql.ts';

/**
 * The locks first: a table that is rewritten or emptied between the snapshot and the first look at it would look empty, for
 * neither obeys snapshots. https://www.postgresql.org/docs/current/mvcc-caveats.html
 */
export function lockSql(tables: readonly QualifiedName[]): string {
  return `LOCK TABLE ${tables.map(qualifiedName).join(', ')} IN ACCESS SHARE MODE`;
}

export const REPEATABLE_READ_SQL =
  'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL row_security = off';

export function snapshotSql(log: QualifiedName): string {
  return `
  SELECT pg_catalog.txid_current_snapshot()::text AS snapshot,
         pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()))::pg_catalog.int8::text AS seconds,
         (SELECT (CASE WHEN is_called THEN last_value ELSE last_value - 1 END)::text FROM ${companion(log, 'sequence')}) AS drawn`;
}

/** $1 a captured table. The tables that hold its rows: itself, or its partitions, with size and columns. */
export const LEAVES_SQL = `
  SELECT c.oid::text AS relation, part.root::text AS root, n.nspname AS schema, c.relname AS name,
         (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8)::text AS blocks,
         (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                   'name', a.attname, 'typeOid', a.atttypid::pg_catalog.int8,
                   'typeName', pg_catalog.format_type(a.atttypid, a.atttypmod), 'typeModifier', a.atttypmod,
                   'nullable', NOT a.attnotnull, 'generated', a.attgenerated <> '') ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns
    FROM (SELECT $1::pg_catalog.regclass::pg_catalog.oid AS root, $1::pg_catalog.regclass::pg_catalog.oid AS relid
           UNION SELECT $1::pg_catalog.regclass::pg_catalog.oid, tree.relid
            FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) AS tree) AS part
    JOIN pg_catalog.pg_class c ON c.oid = part.relid AND c.relkind = 'r'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   ORDER BY c.oid`;

/**
 * A page of a table in the order in which its rows lie. $1 behind here, $2 before there, $3 bytes after which no further row is
 * given, $4 most rows. `total` counts what there was without the limit of bytes.
 */
export function copyPageSql(leaf: QualifiedName): string {
  return `
  SELECT page.at::text AS at, page.txt AS txt, page.total::text AS total
    FROM (SELECT p.at, p.txt, pg_catalog.count(*) OVER () AS total,
                 pg_catalog.sum(pg_catalog.octet_length(p.txt)) OVER (ORDER BY p.at ROWS UNBOUNDED PRECEDING)
                   - pg_catalog.octet_length(p.txt) AS before
            FROM (SELECT certyo_row.ctid AS at, (certyo_row.*)::text AS txt FROM ONLY ${qualifiedName(leaf)} AS certyo_row
                   WHERE certyo_row.ctid > $1::pg_catalog.tid AND certyo_row.ctid < $2::pg_catalog.tid
                   ORDER BY certyo_row.ctid LIMIT $4::pg_catalog.int4) AS p) AS page
   WHERE page.before < $3::pg_catalog.int8 ORDER BY page.at`;
}
