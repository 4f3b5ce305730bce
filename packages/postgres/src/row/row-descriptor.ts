import { type ColumnInfo, ConfigurationError, type TableInfo } from '@certyo-cdc/core';
import { ConstantBytes } from '@certyo-cdc/core/internal';

import { compareUtf8 } from '../values/internal/compare-utf8.ts';
import type { TypeRegistry } from '../values/type-registry.ts';
import type { ValueCodec } from '../values/value-codec.ts';
import { UNAVAILABLE_KEY } from './internal/unavailable-key.ts';

/** How a row descriptor is made. */
export interface RowDescriptorOptions {
  /** The table with its columns in the order in which tuples hold them. */
  readonly table: TableInfo;
  readonly registry: TypeRegistry;
  /** Columns that are never part of a row or payload: generated ones, and those that setup added. */
  readonly omit?: readonly string[] | undefined;
  /** The columns of the record key, in its order. @default the columns marked `isKey` */
  readonly keyColumns?: readonly string[] | undefined;
  /** Values longer than this are refused. @default 67108864 (64 MiB) */
  readonly maxValueBytes?: number | undefined;
}

/** One column as rows are decoded. */
export interface RowColumn {
  readonly name: string;
  /** Its place in a tuple. */
  readonly index: number;
  /** The name as a JSON key, between comma and colon. */
  readonly jsonKey: ConstantBytes;
  readonly codec: ValueCodec;
}

/** What decoding needs to know about the rows of one version of one table; made once per version. */
export interface RowDescriptor {
  readonly table: TableInfo;
  readonly columnCount: number;
  /** The columns of a row without the omitted ones, in the order of the table. */
  readonly columns: readonly RowColumn[];
  /** The same, sorted by the UTF-8 bytes of their names: the order of a payload. */
  readonly sorted: readonly RowColumn[];
  /** How many of `sorted` come before `_unavailable`. */
  readonly unavailableAt: number;
  /** The columns of the record key, in its order. */
  readonly key: readonly RowColumn[];
  readonly maxValueBytes: number;
}

const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/**
 * Prepares the decoding of a table's rows.
 *
 * @throws GapError `GAP_TYPE_UNKNOWN` for a column whose type the registry does not know.
 * @throws ConfigurationError for key columns that the table does not have, or that are omitted.
 */
export function createRowDescriptor(options: RowDescriptorOptions): RowDescriptor {
  const { table, registry } = options;
  const maxValueBytes = options.maxValueBytes ?? MAX_VALUE_BYTES;
  if (!Number.isSafeInteger(maxValueBytes) || maxValueBytes < 1) {
    throw new ConfigurationError(
      'maxValueBytes',
      `Expected \`maxValueBytes\` to be a positive integer, got \`${maxValueBytes}\` (${typeof maxValueBytes}).`,
    );
  }
  const omitted = new Set(options.omit);
  const columns = table.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => !omitted.has(column.name))
    .map(({ column, index }) => rowColumn(table, column, index, registry));
  const sorted = [...columns].sort((left, right) => compareUtf8(left.name, right.name));
  const shape = sharedShape({
    columns: Object.freeze(columns),
    sorted: Object.freeze(sorted),
    unavailableAt: sorted.filter(({ name }) => compareUtf8(name, UNAVAILABLE_KEY) < 0).length,
    key: Object.freeze(keyOf(options, columns)),
  });
  return Object.freeze({ table, columnCount: table.columns.length, ...shape, maxValueBytes });
}

/** What tables of the same columns have in common. */
type RowShape = Pick<RowDescriptor, 'columns' | 'key' | 'sorted' | 'unavailableAt'>;

/** Beyond so many all are made anew. */
const MOST_SHAPES = 1_000;
const shapes = new Map<string, RowShape>();

/**
 * Gives the shape of an earlier table that had the same columns. Thousands of tables in one database are mostly the same
 * few many times (one for each tenant, or each month): a row is then written from objects that the processor has near.
 */
function sharedShape(shape: RowShape): RowShape {
  const { columns, key } = shape;
  const text = JSON.stringify([
    columns.map(({ index, name }) => [index, name]),
    key.map(({ name }) => name),
  ]);
  const earlier = shapes.get(text);
  if (earlier?.columns.every(({ codec }, index) => codec === columns[index]?.codec) === true) {
    return earlier;
  }
  if (shapes.size >= MOST_SHAPES) shapes.clear();
  shapes.set(text, shape);
  return shape;
}

function rowColumn(
  table: TableInfo,
  column: ColumnInfo,
  index: number,
  registry: TypeRegistry,
): RowColumn {
  const { name } = column;
  const use = { schema: table.schema, table: table.name, column: name };
  const codec = registry.codec(column.typeOid, use);
  const jsonKey = new ConstantBytes(`,${JSON.stringify(name)}:`);
  return Object.freeze({ name, index, jsonKey, codec });
}

function keyOf(options: RowDescriptorOptions, columns: readonly RowColumn[]): RowColumn[] {
  const { table } = options;
  const names =
    options.keyColumns ?? table.columns.filter(({ isKey }) => isKey).map(({ name }) => name);
  return names.map((name) => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column !== undefined) return column;
    throw new ConfigurationError(
      'key',
      `Expected \`key\` to name columns of "${table.schema}"."${table.name}", got \`${name}\`, which it does not have or which is left out.`,
    );
  });
}
