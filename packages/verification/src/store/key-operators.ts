import { quoteIdentifier, type SqlExecutor } from '@certyo-cdc/postgres';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** How a column of a key is compared, as SQL. */
export interface KeyOperators {
  readonly equals: string;
  readonly less: string;
  readonly lessOrEqual: string;
  readonly greater: string;
  readonly greaterOrEqual: string;
  /** The column's type without length, or what a domain is made of: a value of the key can always be cast to it, and is not cut. */
  readonly baseType: string;
  /** What stands behind the column where it is compared: an enumeration's operators are not found for a domain over it. */
  readonly cast: string;
}

/** A column of a key, as SQL. */
export interface KeyTerm {
  readonly sql: string;
  readonly operators: KeyOperators;
}

const BUILT_IN: Omit<KeyOperators, 'baseType' | 'cast'> = Object.freeze({
  equals: 'OPERATOR(pg_catalog.=)',
  less: 'OPERATOR(pg_catalog.<)',
  lessOrEqual: 'OPERATOR(pg_catalog.<=)',
  greater: 'OPERATOR(pg_catalog.>)',
  greaterOrEqual: 'OPERATOR(pg_catalog.>=)',
});

/** By the strategy numbers of B-trees: PostgreSQL documentation, "Index Method Strategies". */
const STRATEGIES: Readonly<Record<string, keyof typeof BUILT_IN>> = {
  1: 'less',
  2: 'lessOrEqual',
  3: 'equals',
  4: 'greaterOrEqual',
  5: 'greater',
};

/** $1 oid, $2 columns: one row for each, or one for each operator where its type has its own outside of pg_catalog. */
const OPERATORS_SQL = `WITH RECURSIVE base AS (
  SELECT a.attname, a.atttypid, t.oid, t.typbasetype, t.typtype FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = $1::oid AND a.attname = ANY ($2::text[]) AND NOT a.attisdropped
  UNION ALL SELECT b.attname, b.atttypid, t.oid, t.typbasetype, t.typtype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype)
SELECT b.attname AS name, pg_catalog.format_type(b.oid, -1) AS "baseType",
  (b.typtype = 'e' AND b.oid <> b.atttypid)::text AS "isNamedEnum", o.strategy::text AS strategy, o.schema, o.operator
FROM base b LEFT JOIN LATERAL (
  SELECT a.amopstrategy AS strategy, n.nspname AS schema, p.oprname AS operator
  FROM pg_catalog.pg_am m JOIN pg_catalog.pg_opclass c ON c.opcmethod = m.oid AND c.opcintype = b.oid AND c.opcdefault
    JOIN pg_catalog.pg_amop a ON a.amopfamily = c.opcfamily AND a.amoplefttype = b.oid AND a.amoprighttype = b.oid
    JOIN pg_catalog.pg_operator p ON p.oid = a.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = p.oprnamespace
  WHERE m.amname = 'btree' AND n.nspname <> 'pg_catalog') AS o ON true
WHERE b.typbasetype = 0`;

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
    readonly baseType: string;
    readonly isNamedEnum: string;
    readonly strategy: string | null;
    readonly schema: string | null;
    readonly operator: string | null;
  }>(OPERATORS_SQL, [oid, key], options);
  return key.map((name) => {
    const own = rows.filter((row) => row.name === name);
    const operators = own.flatMap(({ operator, schema, strategy }) => {
      const meaning = strategy === null ? undefined : STRATEGIES[strategy];
      if (meaning === undefined || schema === null || operator === null) return [];
      return [[meaning, `OPERATOR(${quoteIdentifier(schema)}.${operator})`] as const];
    });
    const baseType = own[0]?.baseType ?? 'text';
    return {
      ...BUILT_IN,
      ...Object.fromEntries(operators),
      baseType,
      cast: own[0]?.isNamedEnum === 'true' ? `::${baseType}` : '',
    };
  });
}

/**
 * Compares the beginning of a key with values, as many as there are. Built-in operators compare row-wise, which an index answers; the
 * others do it column by column, beginning with what an index can use.
 */
export function compareKeys(
  columns: readonly KeyTerm[],
  relation: 'less' | 'lessOrEqual' | 'greater' | 'greaterOrEqual',
  values: readonly string[],
): string {
  const terms = columns.slice(0, values.length);
  const casts = terms.map(
    ({ operators }, index) => `${values[index] ?? ''}::${operators.baseType}`,
  );
  if (terms.every(({ operators }) => operators.equals === BUILT_IN.equals)) {
    const names = terms.map(({ operators, sql }) => `${sql}${operators.cast}`).join(', ');
    return `ROW(${names}) ${BUILT_IN[relation]} ROW(${casts.join(', ')})`;
  }
  const isBelow = relation === 'less' || relation === 'lessOrEqual';
  const strictly = isBelow ? 'less' : 'greater';
  const within = isBelow ? 'lessOrEqual' : 'greaterOrEqual';
  return terms.reduceRight((rest, { operators, sql }, index) => {
    const column = `${sql}${operators.cast}`;
    const value = casts[index] ?? '';
    if (rest === '') return `${column} ${operators[relation]} ${value}`;
    return `(${column} ${operators[within]} ${value} AND (${column} ${operators[strictly]} ${value} OR ${rest}))`;
  }, '');
}
