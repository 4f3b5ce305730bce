import { hash } from 'node:crypto';

import type { RowChange, TableInfo } from '../event/change-event.ts';

/** A column as far as it decides what a payload looks like. */
export interface TableVersionColumn {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly isKey: boolean;
}

/**
 * The columns of a table that rows showed at the time of a change: without generated ones, and those that belong to this library.
 * Their order has no meaning: payloads are sorted by name.
 */
export interface TableVersion {
  readonly schema: string;
  readonly name: string;
  /** Sorted by name. */
  readonly columns: readonly TableVersionColumn[];
  /** SHA-256 over names, types and keys of the columns: 64 hexadecimal digits. The same wherever the table is the same. */
  readonly fingerprint: string;
}

/** The versions of tables; each is made once for each `TableInfo`. */
export class TableVersions {
  readonly #versions = new WeakMap<TableInfo, TableVersion>();
  readonly #statusColumns: ReadonlySet<string>;

  /** @param statusColumns Are no part of any version: write-back must not make another one. */
  constructor(statusColumns: ReadonlySet<string>) {
    this.#statusColumns = statusColumns;
  }

  of(event: RowChange): TableVersion {
    const { table } = event;
    const known = this.#versions.get(table);
    if (known !== undefined) return known;
    // Sources list columns that they leave out of rows, and not all the same ones.
    const row = event.after ?? wholeRow(event);
    const shown = row === null ? null : new Set([...Object.keys(row), ...event.unavailable]);
    const version = this.#make(table, shown);
    if (shown !== null) this.#versions.set(table, version);
    return version;
  }

  #make(table: TableInfo, shown: ReadonlySet<string> | null): TableVersion {
    const columns = table.columns
      .filter(({ name }) => !this.#statusColumns.has(name) && shown?.has(name) !== false)
      .map(({ name, typeName, isKey }) => ({ name, type: typeName, isKey }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    const text = JSON.stringify(columns.map(({ name, type, isKey }) => [name, type, isKey]));
    const fingerprint = hash('sha256', text, 'hex');
    return { schema: table.schema, name: table.name, columns, fingerprint };
  }
}

/** The old row of a delete; null where it may be the key alone. */
function wholeRow({ before, key }: RowChange): RowChange['before'] {
  return before !== null && Object.keys(before).length > Object.keys(key).length ? before : null;
}
