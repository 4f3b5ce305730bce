import type { ByteWriter } from '@certyo-cdc/core/internal';
import { ValueError } from '@certyo-cdc/core';

import type { RowDescriptor } from '../row-descriptor.ts';
import { SPAN_NULL, spanLength, spanStart, type Tuple } from '../tuple.ts';
import { nameColumn, tableName, tooLong } from './column-text.ts';
import { unavailableColumns } from './read-row.ts';
import { UNAVAILABLE_KEY } from './unavailable-key.ts';

type Includes = (column: string) => boolean;

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;

/**
 * Writes a row as canonical JSON, from the bytes that came over the wire. The hot path of everything that needs no
 * values: no string and no object is made for a column.
 *
 * @param tuple The row; columns that it does not have are taken from `fallback`.
 * @param fallback The old row of an update, or null.
 */
export function writeCanonicalRow(
  descriptor: RowDescriptor,
  tuple: Tuple,
  fallback: Tuple | null,
  includes: Includes | undefined,
  out: ByteWriter,
): void {
  const { maxValueBytes, sorted, unavailableAt } = descriptor;
  const hidden = unavailableColumns(descriptor, tuple, fallback);
  const unavailable = includes === undefined ? hidden : hidden.filter(includes);
  const start = out.length;
  out.byte(OPEN);
  for (let index = 0; index < sorted.length; index += 1) {
    const column = sorted[index];
    if (column === undefined) break;
    if (index === unavailableAt) writeUnavailable(descriptor, unavailable, start, out);
    if (includes !== undefined && !includes(column.name)) continue;
    let from = tuple;
    let length = spanLength(tuple, column.index);
    if (length < SPAN_NULL && fallback !== null) {
      from = fallback;
      length = spanLength(fallback, column.index);
    }
    if (length < SPAN_NULL) continue;
    const { codec, jsonKey } = column;
    if (out.length === start + 1) {
      // The comma of the first key makes way for the brace.
      out.length = start;
      out.constant(jsonKey);
      out.bytes[start] = OPEN;
    } else out.constant(jsonKey);
    if (length === SPAN_NULL) out.ascii('null');
    else {
      if (length > maxValueBytes) throw tooLong(descriptor, column, length);
      const at = spanStart(from, column.index);
      try {
        codec.writeJson(from.bytes, at, at + length, out);
      } catch (error) {
        throw nameColumn(descriptor, column, error);
      }
    }
  }
  if (unavailableAt >= sorted.length) writeUnavailable(descriptor, unavailable, start, out);
  out.byte(CLOSE);
}

/** Writes `"_unavailable":[…]` in its place among the sorted keys. */
function writeUnavailable(
  descriptor: RowDescriptor,
  columns: readonly string[],
  start: number,
  out: ByteWriter,
): void {
  if (columns.length === 0) return;
  if (descriptor.sorted[descriptor.unavailableAt]?.name === UNAVAILABLE_KEY) {
    throw new ValueError(
      UNAVAILABLE_KEY,
      `Column "${UNAVAILABLE_KEY}" of ${tableName(descriptor)} stands where the payload names the columns that could not be seen.`,
      { remedy: 'Rename or exclude it, or use REPLICA IDENTITY FULL.' },
    );
  }
  if (out.length > start + 1) out.byte(COMMA);
  out.text(`"${UNAVAILABLE_KEY}":${JSON.stringify(columns)}`);
}
