import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  quoteLiteral,
  sqlStateOf,
} from '@certyo-cdc/postgres';

/**
 * The table's file, name, columns and keys in one text. The file is another one after VACUUM FULL, CLUSTER, TRUNCATE and
 * whatever else writes the table anew.
 */
const SHAPE = `
  c.oid || '/' || coalesce(pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.text, '-') || '/' || pg_catalog.md5(
    c.relnamespace || ' ' || c.relname::pg_catalog.text || ' ' || c.relreplident::pg_catalog.text || ' ' || coalesce((
      SELECT pg_catalog.string_agg(
               a.attnum || ' ' || a.attname || ' ' || a.atttypid || ' ' || a.atttypmod || ' ' || a.attisdropped, ',' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0), '') || ' ' || coalesce((
      SELECT pg_catalog.string_agg(i.indkey::pg_catalog.text, ',' ORDER BY i.indkey::pg_catalog.text)
        FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident)), ''))`;

/** $1 oid of a captured table. The tables that hold its rows: itself, or its partitions. */
export const LEAVES_SQL: string = `
  SELECT c.oid::text AS oid, n.nspname::text AS schema, c.relname::text AS name, ${SHAPE} AS shape,
         (pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8)::text AS blocks,
         c.reltuples::text AS tuples, pg_catalog.has_table_privilege(c.oid, 'SELECT')::text AS readable,
         pg_catalog.row_security_active(c.oid)::text AS secured, current_user::text AS role
    FROM (SELECT $1::pg_catalog.oid AS relid
           UNION SELECT tree.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::pg_catalog.regclass) AS tree) AS part
    JOIN pg_catalog.pg_class c ON c.oid = part.relid AND c.relkind = 'r'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   ORDER BY c.oid`;

/** $1 oid of a table. */
export const SHAPE_SQL: string = `SELECT ${SHAPE} AS shape FROM pg_catalog.pg_class c WHERE c.oid = $1::pg_catalog.oid`;

/** $1 oid of a table. The partitioned tables above it. */
export const ANCESTORS_SQL: string = `
  SELECT n.nspname::text AS schema, c.relname::text AS name
    FROM pg_catalog.pg_partition_ancestors($1::pg_catalog.oid::pg_catalog.regclass) AS a(relid)
    JOIN pg_catalog.pg_class c ON c.oid = a.relid AND c.relkind = 'p'
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;

/** Reads a table only as long as nobody alters it. */
export function lockSql(table: QualifiedName, only: boolean): string {
  return `LOCK TABLE ${only ? 'ONLY ' : ''}${qualifiedName(table)} IN ACCESS SHARE MODE`;
}

/** Whether a statement failed because there is no table, or no schema, of such a name: it may have got another one. */
export function isUnknownTable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '42P01' || state === '3F000';
}

/** Time-outs of role or database that would end a long copy. Some are younger than others. */
export const NO_TIMEOUTS_SQL: string = `
  SELECT pg_catalog.set_config(s.name, '0', false) FROM pg_catalog.pg_settings s
   WHERE s.name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout', 'lock_timeout')`;

/** A read-only transaction whose statements all see the same, in which row security hides nothing but fails. */
export const BEGIN_SQL = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
export const ROW_SECURITY_SQL = 'SET LOCAL row_security = off';

/**
 * What a transaction sees, and which server it is on. $1 oids of a table's leaves: their shapes. $2 oid of the table, $3 its key:
 * the versions of the collations that it is sorted by.
 */
export function chunkSql(versionNumber: number): string {
  const ofDatabase =
    versionNumber < 150_000
      ? 'NULL'
      : `(SELECT pg_catalog.pg_database_collation_actual_version(d.oid) FROM pg_catalog.pg_database d
           WHERE d.datname = pg_catalog.current_database())`;
  return `
  SELECT pg_catalog.txid_current_snapshot()::text AS snapshot, s.system_identifier::text AS system,
         (SELECT pg_catalog.string_agg(${SHAPE}, ' ' ORDER BY c.oid)
            FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::pg_catalog.oid[])) AS shapes,
         (SELECT pg_catalog.string_agg(coalesce(
                   CASE WHEN a.attcollation = 0 THEN '' WHEN a.attcollation = 100 THEN ${ofDatabase}
                        ELSE a.attcollation || ':' || pg_catalog.pg_collation_actual_version(a.attcollation) END, '?'), ' ' ORDER BY k.n)
            FROM pg_catalog.unnest($3::pg_catalog.text[]) WITH ORDINALITY AS k(name, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = $2::pg_catalog.oid AND a.attname = k.name) AS versions
    FROM pg_catalog.pg_control_system() s`;
}

/** Ends the transaction, and gives the end of the log behind everything that it saw. */
export const CHUNK_END_SQL: string = `
  COMMIT;
  SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
               ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text AS written`;

/** The rows of some blocks of a table, from the first to the one before `to`; null for all that follow. */
export function copyBlocksSql(
  leaf: QualifiedName,
  options: {
    readonly columns: readonly string[];
    readonly filter: string | null;
    readonly from: number;
    readonly to: number | null;
  },
): string {
  const { from, to } = options;
  const conditions = [
    ...(from === 0 ? [] : [`ctid >= '(${from},0)'::pg_catalog.tid`]),
    ...(to === null ? [] : [`ctid < '(${to},0)'::pg_catalog.tid`]),
  ];
  return copySql(`ONLY ${qualifiedName(leaf)}`, options, conditions, '');
}

/** The next rows of a table by key, `limit` of them and what has the same key as the last. */
export function copyKeysSql(
  table: QualifiedName,
  options: {
    readonly columns: readonly string[];
    readonly filter: string | null;
    readonly key: readonly { readonly name: string; readonly typeName: string }[];
    /** The key behind which to begin, as text; null for the beginning. */
    readonly after: readonly string[] | null;
    readonly isPartitioned: boolean;
    readonly where: string | null;
    /** Leaves out rows that no transaction from this id on has written; null for none. */
    readonly newerThan: string | null;
    readonly limit: number;
  },
): string {
  const { after, key, limit, newerThan, where } = options;
  const names = key.map(({ name }) => quoteIdentifier(name)).join(', ');
  const values = key.map(({ typeName }, i) => `${quoteLiteral(after?.[i] ?? '')}::${typeName}`);
  return copySql(
    `${options.isPartitioned ? '' : 'ONLY '}${qualifiedName(table)}`,
    options,
    [
      ...(after === null ? [] : [`(${names}) > (${values.join(', ')})`]),
      ...(newerThan === null ? [] : [newerSql(newerThan)]),
      ...(where === null ? [] : [`(${where})`]),
    ],
    ` ORDER BY ${names} FETCH FIRST ${limit} ROWS WITH TIES`,
  );
}

/** Ids wrap around, and are compared by their age. One that is too old for that leaves nothing out. */
function newerSql(xid: string): string {
  const age = `pg_catalog.age(${quoteLiteral(xid)}::pg_catalog.xid)`;
  return `(pg_catalog.age(xmin) <= ${age} OR ${age} < 0)`;
}

function copySql(
  from: string,
  options: { readonly columns: readonly string[]; readonly filter: string | null },
  conditions: readonly string[],
  rest: string,
): string {
  const all = [...conditions, ...(options.filter === null ? [] : [`(${options.filter})`])];
  const condition = all.length === 0 ? '' : ` WHERE ${all.join(' AND ')}`;
  const columns = options.columns.map((column) => quoteIdentifier(column)).join(', ');
  return `COPY (SELECT ${columns} FROM ${from}${condition}${rest}) TO STDOUT`;
}
