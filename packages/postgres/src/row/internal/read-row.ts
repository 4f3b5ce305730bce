import type { JsonRow, JsonValue } from '@certyo-cdc/core';

import type { RowColumn, RowDescriptor } from '../row-descriptor.ts';
import { SPAN_NULL, SPAN_UNAVAILABLE, spanLength, type Tuple } from '../tuple.ts';
import { columnText, nameColumn } from './column-text.ts';

const NONE: readonly string[] = Object.freeze([]);

/** Reads columns of a row as JSON values; what cannot be seen is left out. Columns not in `tuple` come from `fallback`. */
export function readRow(
  descriptor: RowDescriptor,
  columns: readonly RowColumn[],
  tuple: Tuple,
  fallback: Tuple | null,
): JsonRow {
  const row = emptyRow();
  // By number: an iterator would make an object for each column.
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index];
    if (column === undefined) break;
    const value = readValue(descriptor, column, tuple, fallback);
    if (value !== undefined) row[column.name] = value;
  }
  return Object.freeze(row);
}

/** Reads one column of a row; undefined where it cannot be seen. */
export function readValue(
  descriptor: RowDescriptor,
  column: RowColumn,
  tuple: Tuple,
  fallback: Tuple | null,
): JsonValue | undefined {
  let from = tuple;
  let length = spanLength(tuple, column.index);
  if (length < SPAN_NULL && fallback !== null) {
    from = fallback;
    length = spanLength(fallback, column.index);
  }
  if (length < SPAN_NULL) return undefined;
  if (length === SPAN_NULL) return null;
  try {
    return column.codec.toValue(columnText(descriptor, column, from, length));
  } catch (error) {
    throw nameColumn(descriptor, column, error);
  }
}

/** The names of the columns that neither tuple shows, sorted by their UTF-8 bytes. */
export function unavailableColumns(
  descriptor: RowDescriptor,
  tuple: Tuple,
  fallback: Tuple | null,
): readonly string[] {
  // Most rows have none, and then nothing may be allocated.
  const { columns } = tuple;
  let index = 0;
  while (index < columns && spanLength(tuple, index) !== SPAN_UNAVAILABLE) index += 1;
  if (index >= columns) return NONE;
  const names = descriptor.sorted
    .filter(
      (column) =>
        spanLength(tuple, column.index) === SPAN_UNAVAILABLE &&
        (fallback === null || spanLength(fallback, column.index) < SPAN_NULL),
    )
    .map(({ name }) => name);
  return Object.freeze(names);
}

/** A row without a prototype to be filled and then frozen. Its hidden class is shared, unlike `Object.create(null)`'s. */
function emptyRow(): Record<string, JsonValue> & JsonRow {
  return Object.setPrototypeOf({}, null) as Record<string, JsonValue>;
}
