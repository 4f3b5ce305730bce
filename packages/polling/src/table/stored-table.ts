import type { ColumnInfo, JsonValue } from '@certyo-cdc/core';
import type { TableState } from '../cursor/table-reader.ts';

/** What a checkpoint keeps of a table. */
export interface StoredTable {
  readonly oid: number | null;
  readonly columns: readonly ColumnInfo[] | null;
  readonly state: TableState;
}

/** Reads the state of a table from a checkpoint; null where there is none. */
export function storedTable(tables: JsonValue | undefined, label: string): StoredTable | null {
  if (!isObject(tables)) return null;
  const state = tables[label];
  if (!isObject(state)) return null;
  const { oid, columns } = state;
  return {
    oid: typeof oid === 'number' ? oid : null,
    columns: Array.isArray(columns) ? (columns as readonly unknown[] as ColumnInfo[]) : null,
    state,
  };
}

function isObject(value: JsonValue | undefined): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
