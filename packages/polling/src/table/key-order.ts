import { quoteIdentifier } from '@certyo-cdc/postgres';
import type { KeyColumn } from '../deletes/keyed-table.ts';

/** A key column as pages are ordered by it. */
export interface OrderedColumn extends KeyColumn {
  /** Its place among the columns that are read. */
  readonly index: number;
}

const BUILT_IN = 'OPERATOR("pg_catalog".>)';

/**
 * An SQL condition: the row lies behind the place that the parameters tell, in the order of `lead` and the key.
 *
 * Operators are named with their schema: they are looked up by name and `search_path` otherwise, and a type of an extension
 * (citext) would be compared as another one than it is ordered, so that rows would be lost between two pages. Built-in ones
 * compare row-wise, which an index answers.
 *
 * @param first Number of the parameter of `lead`; those of the key columns follow.
 */
export function behindSql(
  lead: { readonly name: string; readonly typeName: string },
  key: readonly OrderedColumn[],
  first: number,
): string {
  const columns = [
    { ...lead, greater: BUILT_IN, equals: 'OPERATOR("pg_catalog".=)' },
    ...key.map(asOrdered),
  ].map((column, index) => ({
    ...column,
    name: `t.${quoteIdentifier(column.name)}`,
    value: `$${first + index}::${column.typeName}`,
  }));
  if (columns.every(({ greater }) => greater === BUILT_IN)) {
    const names = columns.map(({ name }) => name).join(', ');
    const values = columns.map(({ value }) => value).join(', ');
    return `ROW(${names}) ${BUILT_IN} ROW(${values})`;
  }
  let condition = '';
  for (const { name, value, greater, equals } of [...columns].reverse()) {
    const more = `${name} ${greater} ${value}`;
    condition =
      condition === '' ? more : `(${more} OR (${name} ${equals} ${value} AND ${condition}))`;
  }
  return condition;
}

/** ORDER BY means the default order of the type, also where the key's index has another one (text_pattern_ops). */
function asOrdered(column: KeyColumn): KeyColumn {
  const isDefault = column.greater.endsWith('.>)');
  return isDefault ? column : { ...column, greater: BUILT_IN, equals: 'OPERATOR("pg_catalog".=)' };
}
