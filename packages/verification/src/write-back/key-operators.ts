import { quoteIdentifier, type SqlExecutor } from '@certyo-cdc/postgres';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** The operators by which a column of a key is compared, as SQL. */
export interface KeyOperators {
  readonly equals: string;
  readonly greater: string;
}

export const BUILT_IN: KeyOperators = Object.freeze({
  equals: 'OPERATOR(pg_catalog.=)',
  greater: 'OPERATOR(pg_catalog.>)',
});

/** $1 oid, $2 columns: one row for each whose type has operators of its own outside of pg_catalog. */
const OPERATORS_SQL = `WITH RECURSIVE base AS (
  SELECT a.attname, t.oid, t.typbasetype FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = $1::oid AND a.attname = ANY ($2::text[]) AND NOT a.attisdropped
  UNION ALL SELECT b.attname, t.oid, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype)
SELECT b.attname AS name, en.nspname AS equals_schema, e.oprname AS equals, gn.nspname AS greater_schema, g.oprname AS greater
FROM base b JOIN pg_catalog.pg_am m ON m.amname = 'btree'
  JOIN pg_catalog.pg_opclass c ON c.opcintype = b.oid AND c.opcdefault AND c.opcmethod = m.oid
  JOIN pg_catalog.pg_amop eo ON eo.amopfamily = c.opcfamily AND eo.amopstrategy = 3 AND eo.amoplefttype = b.oid AND eo.amoprighttype = b.oid
  JOIN pg_catalog.pg_operator e ON e.oid = eo.amopopr JOIN pg_catalog.pg_namespace en ON en.oid = e.oprnamespace
  JOIN pg_catalog.pg_amop go ON go.amopfamily = c.opcfamily AND go.amopstrategy = 5 AND go.amoplefttype = b.oid AND go.amoprighttype = b.oid
  JOIN pg_catalog.pg_operator g ON g.oid = go.amopopr JOIN pg_catalog.pg_namespace gn ON gn.oid = g.oprnamespace
WHERE b.typbasetype = 0 AND en.nspname <> 'pg_catalog'`;

/**
 * The operators of the key's columns, in its order. They are looked up by name and `search_path` otherwise: one of an extension's type
 * is not found there, or is that of another type (citext would be compared as text, and ordered as itself).
 */
export async function readKeyOperators(
  executor: SqlExecutor,
  oid: number,
  key: readonly string[],
  options: CallOptions,
): Promise<readonly KeyOperators[]> {
  const { rows } = await executor.query<{
    readonly name: string;
    readonly equals_schema: string;
    readonly equals: string;
    readonly greater_schema: string;
    readonly greater: string;
  }>(OPERATORS_SQL, [oid, key], options);
  return key.map((name) => {
    const own = rows.find((row) => row.name === name);
    if (own === undefined) return BUILT_IN;
    return {
      equals: `OPERATOR(${quoteIdentifier(own.equals_schema)}.${own.equals})`,
      greater: `OPERATOR(${quoteIdentifier(own.greater_schema)}.${own.greater})`,
    };
  });
}
