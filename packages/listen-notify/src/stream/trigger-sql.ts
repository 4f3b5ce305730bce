/**
 * $1 schemas, $2 tables, $3 schema of the log, $4 the log. A row per trigger that calls one of the log's functions, on the
 * tables and on their partitions; a row without a trigger for a table that has none or does not exist.
 *
 * The doorbell's trigger is left out: without it a change is only found later.
 */
export const TRIGGERS_SQL = `
  SELECT w.schema, w.name AS "table", c.oid::text AS table_oid, t.tgname AS trigger, t.tgtype::text AS type, t.tgenabled::text AS enabled,
         CASE WHEN t.tgrelid <> c.oid THEN t.tgrelid::pg_catalog.regclass::text END AS partition,
         pg_catalog.concat_ws('.', t.oid, t.xmin, p.oid, p.xmin) AS identity
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS w(schema, name)
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name AND c.relkind IN ('r', 'p')
    LEFT JOIN LATERAL (
      SELECT c.oid AS relid UNION SELECT tree.relid FROM pg_catalog.pg_partition_tree(c.oid) AS tree
    ) AS part ON c.oid IS NOT NULL
    LEFT JOIN (
      pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname IN ($4 || '_capture', $4 || '_truncate')
      JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace AND pn.nspname = $3
    ) ON t.tgrelid = part.relid AND NOT t.tgisinternal OR t.tgrelid = part.relid AND t.tgparentid <> 0
   ORDER BY 1, 2, 4`;
