import { ValueError } from '@certyo-cdc/core';

import type { RowColumn, RowDescriptor } from '../row-descriptor.ts';
import { SPAN_NULL, SPAN_UNAVAILABLE, spanLength, type Tuple } from '../tuple.ts';
import { columnText, nameColumn, tableName } from './column-text.ts';
import { UNAVAILABLE_KEY } from './unavailable-key.ts';

type Includes = (column: string) => boolean;

/**
 * Writes a row as canonical JSON.
 *
 * @param tuple The row; columns that it does not have are taken from `fallback`.
 * @param fallback The old row of an update, or null.
 */
export function writeCanonicalRow(
  descriptor: RowDescriptor,
  tuple: Tuple,
  fallback: Tuple | null,
  includes: Includes | undefined,
): string {
  const { sorted, unavailableAt } = descriptor;
  let json = '{';
  let unavailable: RowColumn[] | null = null;
  let insertAt = 1;
  for (let index = 0; index < sorted.length; index += 1) {
    const column = sorted[index];
    if (column === undefined) break;
    if (index === unavailableAt) insertAt = json.length;
    if (includes !== undefined && !includes(column.name)) continue;
    let from = tuple;
    let length = spanLength(tuple, column.index);
    if (length < SPAN_NULL && fallback !== null) {
      from = fallback;
      const fallbackLength = spanLength(fallback, column.index);
      if (fallbackLength >= SPAN_NULL) length = fallbackLength;
    }
    if (length < SPAN_NULL) {
      if (length === SPAN_UNAVAILABLE) (unavailable ??= []).push(column);
      continue;
    }
    json += json.length === 1 ? column.jsonKey : column.nextJsonKey;
    if (length === SPAN_NULL) json += 'null';
    else {
      try {
        json += column.codec.toJson(columnText(descriptor, column, from, length));
      } catch (error) {
        throw nameColumn(descriptor, column, error);
      }
    }
  }
  if (unavailable === null) return `${json}}`;
  if (unavailableAt >= sorted.length) insertAt = json.length;
  return `${withUnavailable(descriptor, json, insertAt, unavailable)}}`;
}

/** Puts `"_unavailable":[…]` in its place among the sorted keys. Rare, so it may cost a copy. */
function withUnavailable(
  descriptor: RowDescriptor,
  json: string,
  at: number,
  columns: readonly RowColumn[],
): string {
  if (descriptor.sorted[descriptor.unavailableAt]?.name === UNAVAILABLE_KEY) {
    throw new ValueError(
      UNAVAILABLE_KEY,
      `Column "${UNAVAILABLE_KEY}" of ${tableName(descriptor)} stands where the payload names the columns that could not be seen.`,
      { remedy: 'Rename or exclude it, or use REPLICA IDENTITY FULL.' },
    );
  }
  const names = columns.map(({ name }) => JSON.stringify(name)).join(',');
  const member = `"${UNAVAILABLE_KEY}":[${names}]`;
  const before = json.slice(0, at);
  const after = json.slice(at);
  if (before === '{') return `{${member}${after === '' ? '' : `,${after}`}`;
  return `${before},${member}${after}`;
}
