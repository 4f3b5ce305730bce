import { SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  type QualifiedName,
  quoteIdentifier,
  type SqlExecutor,
} from '@certyo-cdc/postgres';

/** A key column as statements compare it. */
export interface KeyColumn {
  readonly name: string;
  /** As `format_type` prints it, with the schema where it is not in pg_catalog. */
  readonly typeName: string;
  /** The operators of the key's index, as SQL: `OPERATOR("pg_catalog".=)`. Those of an extension's type are not in the search path. */
  readonly equals: string;
  readonly greater: string;
}

/** A table by whose key rows are looked up. */
export interface KeyedTable extends QualifiedName {
  readonly oid: number;
  readonly isPartitioned: boolean;
  /** In key order. */
  readonly key: readonly KeyColumn[];
}

interface Row {
  readonly name: string;
  readonly type_name: string;
  readonly equals_schema: string;
  readonly equals: string;
  readonly greater_schema: string;
  readonly greater: string;
}

/** $1 oid, $2 key columns: one row per column, from any valid unique index over exactly these columns. */
const KEY_SQL = `
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
       en.nspname AS equals_schema, e.oprname AS equals, gn.nspname AS greater_schema, g.oprname AS greater
  FROM (SELECT x.* FROM pg_catalog.pg_index x
         WHERE x.indrelid = $1 AND x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
           AND (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attname::pg_catalog.text COLLATE "C")
                  FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = x.indrelid AND a.attnum = ANY ((x.indkey::pg_catalog.int2[])[0:x.indnkeyatts - 1]))
             = (SELECT pg_catalog.array_agg(w.name ORDER BY w.name COLLATE "C") FROM pg_catalog.unnest($2::pg_catalog.text[]) AS w(name))
         ORDER BY x.indisprimary DESC, x.indexrelid LIMIT 1) AS x
 CROSS JOIN LATERAL pg_catalog.generate_series(0, x.indnkeyatts - 1) AS i(n)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[i.n]
  JOIN pg_catalog.pg_opclass c ON c.oid = x.indclass[i.n]
  JOIN pg_catalog.pg_amop eo ON eo.amopfamily = c.opcfamily AND eo.amopstrategy = 3 AND eo.amoplefttype = c.opcintype AND eo.amoprighttype = c.opcintype
  JOIN pg_catalog.pg_operator e ON e.oid = eo.amopopr JOIN pg_catalog.pg_namespace en ON en.oid = e.oprnamespace
  JOIN pg_catalog.pg_amop go ON go.amopfamily = c.opcfamily AND go.amopstrategy = 5 AND go.amoplefttype = c.opcintype AND go.amoprighttype = c.opcintype
  JOIN pg_catalog.pg_operator g ON g.oid = go.amopopr JOIN pg_catalog.pg_namespace gn ON gn.oid = g.oprnamespace`;

/**
 * Reads how a table's key is compared.
 *
 * @throws SourceSetupError where no unique index names the rows by these columns.
 */
export async function readKeyedTable(
  session: SqlExecutor,
  table: QualifiedName & { readonly oid: number; readonly isPartitioned: boolean },
  key: readonly string[],
  options: { readonly signal: AbortSignal },
): Promise<KeyedTable> {
  const { rows } = await session.query<Row>(KEY_SQL, [table.oid, key], options);
  const columns = key.map((name) => rows.find((row) => row.name === name));
  const found = columns.filter((row) => row !== undefined);
  if (found.length !== key.length || key.length === 0) {
    throw new SourceSetupError(
      `No unique index names the rows of ${tableLabel(table)} by ${key.join(', ')}.`,
      {
        remedy: `Run: CREATE UNIQUE INDEX CONCURRENTLY ON ${qualifiedName(table)} (${key.map(quoteIdentifier).join(', ')});`,
      },
    );
  }
  const { oid, schema, name, isPartitioned } = table;
  return {
    oid,
    schema,
    name,
    isPartitioned,
    key: found.map((row) => ({
      name: row.name,
      typeName: row.type_name,
      equals: `OPERATOR(${quoteIdentifier(row.equals_schema)}.${row.equals})`,
      greater: `OPERATOR(${quoteIdentifier(row.greater_schema)}.${row.greater})`,
    })),
  };
}

/** The table in FROM: of a partitioned one all partitions, of any other one it alone, without tables that inherit from it. */
export function fromTable(table: QualifiedName & { readonly isPartitioned: boolean }): string {
  return table.isPartitioned ? qualifiedName(table) : `ONLY ${qualifiedName(table)}`;
}

/**
 * The condition that row `row` has the key whose texts are in the array `key`: by the index, then by text, because 1.0 and
 * 1.00 are equal but not the same key. `typed: false` leaves the index out, for texts that are no values of the type.
 */
export function sameKeySql(table: KeyedTable, row: string, key: string, typed: boolean): string {
  return table.key
    .flatMap((column, index) => {
      const value = `${row}.${quoteIdentifier(column.name)}`;
      const text = `${key}[${index + 1}]`;
      const same = `pg_catalog.format('%s', ${value}) = ${text}`;
      return typed ? [`${value} ${column.equals} ${text}::${column.typeName}`, same] : [same];
    })
    .join(' AND ');
}

/** True for an error of a text that is no value of its type: the column's type was changed. */
export function isDataException(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('22');
}
