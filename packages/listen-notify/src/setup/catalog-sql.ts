import { FUNCTION_VERSION_SQL, TRIGGER_VERSION_SQL } from '@certyo-cdc/postgres';

/** $1 schema, $2 names. Which tables and sequences are there, and how many numbers a sequence draws at once. */
export const RELATIONS_SQL = `
SELECT c.relname::text AS name, c.oid::text AS oid, s.seqcache::text AS cache
  FROM pg_catalog.pg_class c
  LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
 WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1)
   AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'S')`;

/** $1 schema. */
export const SCHEMA_SQL = 'SELECT 1 AS found FROM pg_catalog.pg_namespace WHERE nspname = $1';

/** $1 schema, $2 names. Settings as a JSON list, names in lower case. */
export const FUNCTIONS_SQL: string = `
SELECT p.proname::text AS name, ${FUNCTION_VERSION_SQL} AS version, p.prosrc AS body,
       p.prosecdef::text AS is_definer,
       coalesce((SELECT pg_catalog.json_object_agg(lower(pg_catalog.split_part(s, '=', 1)), pg_catalog.substr(s, pg_catalog.strpos(s, '=') + 1))
                   FROM pg_catalog.unnest(p.proconfig) AS s), '{}')::text AS settings,
       EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a
                WHERE a.grantee = 0)::text AS is_public
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1) AND p.proname = ANY ($2::text[])`;

/** $1 schemas, $2 names. The tables and the partitions below them, with whether the owner can make partitions: he has to be
 * allowed to call $3, the function, which its own maker will be. */
export const TREES_SQL = `
SELECT n.nspname::text AS root_schema, r.relname::text AS root_name, r.oid::text AS root_oid,
       c.oid::text AS oid, cn.nspname::text AS schema, c.relname::text AS name,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, (c.relkind = 'p')::text AS is_partitioned,
       coalesce((SELECT pg_catalog.has_function_privilege(c.relowner, p.oid, 'EXECUTE') FROM pg_catalog.pg_proc p
                  WHERE p.oid = pg_catalog.to_regprocedure($3)),
                (SELECT o.rolsuper OR o.rolname = current_user FROM pg_catalog.pg_roles o WHERE o.oid = c.relowner))::text AS may_execute
  FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS w(schema, name)
  JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
  JOIN pg_catalog.pg_class r ON r.relnamespace = n.oid AND r.relname = w.name AND r.relkind IN ('r', 'p')
 CROSS JOIN LATERAL (
    SELECT r.oid AS relid, 0 AS level
    UNION
    SELECT t.relid, t.level FROM pg_catalog.pg_partition_tree(r.oid) AS t
  ) AS tree
  JOIN pg_catalog.pg_class c ON c.oid = tree.relid
  JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
 ORDER BY 1, 2, tree.level, 5, 6`;

/** $1 schema and $2 names of functions. All triggers that call them. https://www.postgresql.org/docs/current/catalog-pg-trigger.html */
export const TRIGGERS_SQL: string = `
SELECT t.tgrelid::text AS table_oid, n.nspname::text AS schema, c.relname::text AS "table", t.tgname::text AS name,
       p.proname::text AS function, t.tgtype::text AS type, t.tgenabled::text AS enabled,
       (t.tgqual IS NOT NULL OR t.tgattr::text <> '' OR t.tgdeferrable)::text AS is_restricted,
       (EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid
                   AND d.refclassid = 'pg_catalog.pg_trigger'::pg_catalog.regclass))::text AS is_inherited,
       ${TRIGGER_VERSION_SQL} AS version
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE p.pronamespace = (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = $1) AND p.proname = ANY ($2::text[])
 ORDER BY n.nspname, c.relname, t.tgname`;
