import { hash } from 'node:crypto';

import type { TableInfo } from '../event/change-event.ts';

/** A column as far as it decides what a payload looks like. */
export interface TableVersionColumn {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly isKey: boolean;
}

/** The columns of a table at the time of a change. Their order has no meaning: payloads are sorted by name. */
export interface TableVersion {
  readonly schema: string;
  readonly name: string;
  /** Sorted by name. */
  readonly columns: readonly TableVersionColumn[];
  /** SHA-256 over names, types and keys of the columns: 64 hexadecimal digits. The same wherever the table is the same. */
  readonly fingerprint: string;
}

const versions = new WeakMap<TableInfo, TableVersion>();

/** The version of an event's table; made once for each `TableInfo`. */
export function tableVersionOf(table: TableInfo): TableVersion {
  const known = versions.get(table);
  if (known !== undefined) return known;
  const columns = table.columns
    .map(({ name, typeName, isKey }) => ({ name, type: typeName, isKey }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const text = JSON.stringify(columns.map(({ name, type, isKey }) => [name, type, isKey]));
  const version: TableVersion = {
    schema: table.schema,
    name: table.name,
    columns,
    fingerprint: hash('sha256', text, 'hex'),
  };
  versions.set(table, version);
  return version;
}
