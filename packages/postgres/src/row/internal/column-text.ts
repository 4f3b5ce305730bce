import { ValueError } from '@certyo-cdc/core';

import type { RowColumn, RowDescriptor } from '../row-descriptor.ts';
import { spanStart, type Tuple } from '../tuple.ts';
import { utf8Text } from '../../values/internal/utf8.ts';

/**
 * The text of a column whose value is present (its length is not negative).
 *
 * @throws ValueError naming the column for bytes that are not UTF-8, and for values over the limit.
 */
export function columnText(
  descriptor: RowDescriptor,
  column: RowColumn,
  tuple: Tuple,
  length: number,
): string {
  if (length === 0) return '';
  if (length > descriptor.maxValueBytes) throw tooLong(descriptor, column, length);
  const start = spanStart(tuple, column.index);
  try {
    return utf8Text(tuple.bytes, start, start + length);
  } catch (error) {
    throw nameColumn(descriptor, column, error);
  }
}

/** The error of a codec, with the column's name. Anything else is passed through. */
export function nameColumn(descriptor: RowDescriptor, column: RowColumn, error: unknown): unknown {
  if (error instanceof RangeError) {
    // V8 has no strings beyond half a gigabyte, and its stack an end.
    return new ValueError(
      column.name,
      `Column "${column.name}" of ${tableName(descriptor)} is too large to be written as JSON.`,
      { cause: error, remedy: 'Lower `maxValueBytes`, or exclude the column.' },
    );
  }
  if (!(error instanceof ValueError) || error.column === column.name) return error;
  return new ValueError(
    column.name,
    `Column "${column.name}" of ${tableName(descriptor)} cannot be represented: ${error.message}`,
    { cause: error, remedy: error.remedy ?? undefined },
  );
}

/** The table's name for a message. */
export function tableName(descriptor: RowDescriptor): string {
  return `"${descriptor.table.schema}"."${descriptor.table.name}"`;
}

/** The error for a value over the limit. */
export function tooLong(descriptor: RowDescriptor, column: RowColumn, length: number): ValueError {
  return new ValueError(
    column.name,
    `Column "${column.name}" of ${tableName(descriptor)} holds ${length} bytes, more than \`maxValueBytes\` (${descriptor.maxValueBytes}).`,
    { remedy: 'Raise `maxValueBytes`, or exclude the column.' },
  );
}
