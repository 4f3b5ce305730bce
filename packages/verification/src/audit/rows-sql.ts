import { quoteIdentifier, quoteLiteral } from '@certyo-cdc/postgres';

import { compareKeys } from '../store/key-operators.ts';
import type { TableShape } from './table-shape.ts';

/** A part of a table, by its key: behind `after` and up to `upTo`, within what is audited. */
export interface KeyRange {
  readonly after: readonly string[] | null;
  readonly upTo: readonly string[] | null;
}

/** Every so many rows the key of one, which ends a part. */
export function boundariesSql(
  shape: TableShape,
  after: readonly string[] | null,
  every: number,
): string {
  const keys = shape.key.map(
    ({ name }, index) => `t.${quoteIdentifier(name)} AS k${String(index)}`,
  );
  const order = keyNames(shape);
  return `SELECT ${shape.key.map((_, index) => `k${String(index)}`).join(', ')} FROM (
  SELECT ${keys.join(', ')}, pg_catalog.row_number() OVER (ORDER BY ${order}) AS number
  FROM ${shape.from} AS t ${where(shape, { after, upTo: null })}) AS q
WHERE q.number % ${String(every)} = 0 ORDER BY q.number`;
}

/** The rows of a part in the order of their keys, every column as its type prints it. */
export function rowsSql(shape: TableShape, range: KeyRange): string {
  return `SELECT ${columnList(shape)} FROM ${shape.from} AS t ${where(shape, range)} ORDER BY ${keyNames(shape)}`;
}

/**
 * Rows by their keys, as they are now. One array of texts for each column of the key; one row for each, in order: whether there is
 * one, whether it is audited, its last writer, the key as its types print it, its columns.
 */
export function lookupSql(shape: TableShape): string {
  const arrays = shape.key.map((_, index) => `pg_catalog.unnest($${String(index + 1)}::text[])`);
  const names = shape.key.map((_, index) => `a${String(index)}`);
  const keys = shape.key.map(
    ({ operators }, index) =>
      `u.a${String(index)}::${operators.baseType} AS certyo_k${String(index)}`,
  );
  const on = shape.key.map(
    ({ name, operators }, index) =>
      `t.${quoteIdentifier(name)}${operators.cast} ${operators.equals} k.certyo_k${String(index)}`,
  );
  // By the collation of the column, as the rows of a part are: it decides also where there is no row. The type alone has another.
  const range = rangeConditions(shape, (index) => {
    const column = `t.${quoteIdentifier(shape.key[index]?.name ?? '')}`;
    return `(CASE WHEN false THEN ${column} ELSE k.certyo_k${String(index)} END)`;
  });
  const { where: condition } = shape.settings;
  return `SELECT (t.${quoteIdentifier(shape.key[0]?.name ?? '')} IS NOT NULL)::text AS found, t.xmin::text AS writer,
  (${range.length === 0 ? 'true' : range.join(' AND ')})::text AS "isInRange",
  (${condition === null ? 'true' : `coalesce((${condition}), false)`})::text AS "isInScope",
  ${shape.key.map((_, index) => `k.certyo_k${String(index)}`).join(', ')},
  ${columnList(shape)}
FROM (SELECT u.certyo_number, ${keys.join(', ')}
  FROM ROWS FROM (${arrays.join(', ')}) WITH ORDINALITY AS u(${names.join(', ')}, certyo_number)) AS k
LEFT JOIN ${shape.from} AS t ON ${on.join(' AND ')}
ORDER BY k.certyo_number`;
}

/** The texts of a row that these statements gave. */
export function textsOf(
  shape: TableShape,
  row: Readonly<Record<string, string | null>>,
): readonly (string | null)[] {
  return shape.columns.map((_, index) => row[`c${String(index)}`] ?? null);
}

function columnList(shape: TableShape): string {
  return shape.columns
    .map(({ name }, index) => `t.${quoteIdentifier(name)} AS c${String(index)}`)
    .join(', ');
}

function keyNames(shape: TableShape): string {
  return shape.key.map(({ name }) => `t.${quoteIdentifier(name)}`).join(', ');
}

function where(shape: TableShape, { after, upTo }: KeyRange): string {
  const column = (index: number): string => `t.${quoteIdentifier(shape.key[index]?.name ?? '')}`;
  const conditions = [
    ...(after === null ? [] : [compare(shape, column, 'greater', after)]),
    ...(upTo === null ? [] : [compare(shape, column, 'lessOrEqual', upTo)]),
    ...rangeConditions(shape, column),
    ...(shape.settings.where === null ? [] : [`(${shape.settings.where})`]),
  ];
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

function rangeConditions(shape: TableShape, column: (index: number) => string): readonly string[] {
  const { from, to } = shape.settings;
  return [
    ...(from === null ? [] : [compare(shape, column, 'greaterOrEqual', from)]),
    ...(to === null ? [] : [compare(shape, column, 'less', to)]),
  ];
}

/** Compares the first columns of the key, as many as there are values. */
function compare(
  shape: TableShape,
  column: (index: number) => string,
  relation: Parameters<typeof compareKeys>[1],
  values: readonly string[],
): string {
  const terms = shape.key.map(({ operators }, index) => ({ operators, sql: column(index) }));
  return compareKeys(terms, relation, values.map(quoteLiteral));
}
