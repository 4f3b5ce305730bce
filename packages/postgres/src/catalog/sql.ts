/** One row per table that exists under one of the names: $1 schemas, $2 names. */
export const TABLES_SQL = `
SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
  c.relpersistence::text AS persistence, c.relreplident::text AS replica_identity,
  c.relispartition::text AS is_partition, c.relrowsecurity::text AS has_row_security,
  pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
  (SELECT i.inhparent::text FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition) AS parent_oid,
  pg_catalog.has_table_privilege(c.oid, 'SELECT')::text AS may_select,
  (SELECT x.indexrelid::text FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisprimary) AS primary_index,
  (SELECT x.indexrelid::text FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisreplident) AS replica_index
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS wanted(schema, name)
  ON wanted.schema = n.nspname AND wanted.name = c.relname`;

/** Columns of tables by oid, in the order of the table: $1 oids. `attgenerated` is there from PostgreSQL 12 on. */
export function columnsSql(versionNumber: number): string {
  const generated = versionNumber >= 120_000 ? 'a.attgenerated::text' : "''";
  return `
SELECT a.attrelid::text AS table_oid, a.attnum::text AS number, a.attname AS name, a.atttypid::text AS type_oid,
  a.atttypmod::text AS type_modifier, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
  a.attnotnull::text AS not_null, ${generated} AS generated, a.attidentity::text AS identity,
  a.attstorage::text AS storage
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`;
}

/** Columns of indexes by oid, in the order of the index: $1 oids. INCLUDE is there from PostgreSQL 11 on. */
export function indexColumnsSql(versionNumber: number): string {
  const keyColumns = versionNumber >= 110_000 ? 'x.indnkeyatts' : 'x.indnatts';
  return `
SELECT x.indexrelid::text AS index_oid, i.relname AS index_name, a.attname AS column_name
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
CROSS JOIN LATERAL pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
WHERE x.indexrelid = ANY ($1::oid[]) AND k.position <= ${keyColumns}
ORDER BY x.indexrelid, k.position`;
}

/** Names to propose for one that does not exist. */
export const TABLE_NAMES_SQL = `
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
ORDER BY n.nspname, c.relname LIMIT 5000`;

/** `pg_control_*()` and `pg_stat_get_*()` may be called by everybody. */
export const SERVER_INFO_SQL = `
SELECT pg_catalog.current_setting('server_version_num') AS version_number,
  pg_catalog.current_setting('server_version') AS version,
  s.system_identifier::text AS system_identifier, k.timeline_id::text AS timeline,
  pg_catalog.current_setting('wal_level') AS wal_level,
  pg_catalog.pg_is_in_recovery()::text AS is_in_recovery,
  d.datname AS database, d.oid::text AS database_oid, pg_catalog.getdatabaseencoding()::text AS encoding,
  r.rolname AS "user", r.rolreplication::text AS is_replication_role, r.rolsuper::text AS is_superuser
FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() k, pg_catalog.pg_database d, pg_catalog.pg_roles r
WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user`;

/** $1 name. */
export function publicationSql(versionNumber: number): string {
  const viaRoot = versionNumber >= 130_000 ? 'p.pubviaroot' : 'false';
  const truncate = versionNumber >= 110_000 ? 'p.pubtruncate' : 'false';
  const schemas =
    versionNumber >= 150_000
      ? `(SELECT coalesce(pg_catalog.json_agg(n.nspname ORDER BY n.nspname), '[]') FROM pg_catalog.pg_publication_namespace s
           JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)::text`
      : "'[]'";
  return `
SELECT p.oid::text AS oid, p.pubname AS name, pg_catalog.pg_get_userbyid(p.pubowner)::text AS owner,
  p.puballtables::text AS all_tables, p.pubinsert::text AS insert, p.pubupdate::text AS update, p.pubdelete::text AS delete,
  (${truncate})::text AS truncate, (${viaRoot})::text AS via_root, ${schemas} AS schemas,
  (SELECT coalesce(pg_catalog.json_agg(r.prrelid::int8), '[]') FROM pg_catalog.pg_publication_rel r
    WHERE r.prpubid = p.oid)::text AS listed
FROM pg_catalog.pg_publication p WHERE p.pubname = $1`;
}

/** $1 name. Column lists and row filters are there from PostgreSQL 15 on. */
export function publicationTablesSql(versionNumber: number): string {
  const lists =
    versionNumber >= 150_000
      ? 'pg_catalog.array_to_json(t.attnames)::text AS columns, t.rowfilter AS row_filter'
      : 'NULL AS columns, NULL AS row_filter';
  return `
SELECT c.oid::text AS oid, t.schemaname AS schema, t.tablename AS name, ${lists}
FROM pg_catalog.pg_publication_tables t
JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
WHERE t.pubname = $1 ORDER BY t.schemaname, t.tablename`;
}
