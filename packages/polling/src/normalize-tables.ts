import { ConfigurationError } from '@certyo-cdc/core';
import { OptionReader, requireObject, tableLabel, wrongOption } from '@certyo-cdc/core/internal';
import {
  parseTableName,
  type QualifiedName,
  quoteIdentifier,
  readRecordKeys,
  readTableList,
  refuseOwnAndRepeated,
  type TableName,
  XID_COLUMN,
} from '@certyo-cdc/postgres';
import { CURSOR_KINDS, type HardDeletes } from './options.ts';
import type { CursorSettings, TableSettings } from './settings.ts';

const TABLE_OPTIONS = ['table', 'cursor', 'softDelete', 'hardDeletes', 'lastUpdate'];

/** Reads the options `tables` and `keys`. */
export function normalizeTables(
  value: unknown,
  keys: unknown,
  stateSchema: string,
): readonly TableSettings[] {
  const tables = readTableList(value).map((entry, index) =>
    tableSettings(entry, `tables[${index}]`),
  );
  refuseOwnAndRepeated(tables, stateSchema);
  const keyOf = readRecordKeys(keys, tables);
  return tables.map((table) => Object.freeze({ ...table, key: keyOf[table.label] ?? null }));
}

function tableSettings(entry: unknown, path: string): TableSettings {
  const isNameOnly = typeof entry !== 'object' || entry === null || !('table' in entry);
  const reader = new OptionReader(path, isNameOnly ? { table: entry } : entry, TABLE_OPTIONS);
  const name = parseTableName(reader.value('table') as TableName);
  const cursor = cursorSettings(reader.value('cursor'), `${path}.cursor`);
  const softDelete = columnOf(reader.value('softDelete'), `${path}.softDelete`);
  const lastUpdate = optionalColumn(reader, 'lastUpdate', path);
  const hardDeletes = hardDeletesOf(
    reader.value('hardDeletes'),
    `${path}.hardDeletes`,
    cursor.kind === 'xid' ? 'tombstone' : 'not-captured',
  );
  if (cursor.kind === 'id') {
    if (softDelete !== null) {
      throw new ConfigurationError(
        `${path}.softDelete`,
        `The option ${path}.softDelete needs a cursor that sees updates; the id cursor sees added rows only.`,
      );
    }
  }
  return { ...namedTable(name), cursor, softDelete, hardDeletes, lastUpdate, key: null };
}

function namedTable(name: QualifiedName): QualifiedName & { readonly label: string } {
  return { schema: name.schema, name: name.name, label: tableLabel(name) };
}

function cursorSettings(value: unknown, path: string): CursorSettings {
  if (value === undefined) return { kind: 'xid', column: XID_COLUMN };
  const { kind } = requireObject(path, value);
  if (kind !== 'xid' && kind !== 'timestamp' && kind !== 'id') {
    const list = CURSOR_KINDS.map((known) => `'${known}'`).join(' or ');
    throw wrongOption(`${path}.kind`, list, kind);
  }
  const known = kind === 'timestamp' ? ['kind', 'column', 'overlapMs'] : ['kind', 'column'];
  const reader = new OptionReader(path, value, known);
  const column = optionalColumn(reader, 'column', path);
  if (kind === 'xid') return { kind, column: column ?? XID_COLUMN };
  if (column === null) throw wrongOption(`${path}.column`, 'the name of a column', undefined);
  if (kind === 'id') return { kind, column };
  return { kind, column, overlapMs: reader.positiveInteger('overlapMs', 10_000, 86_400_000) };
}

function columnOf(value: unknown, path: string): string | null {
  if (value === undefined) return null;
  const reader = new OptionReader(path, value, ['column']);
  const column = optionalColumn(reader, 'column', path);
  if (column === null) throw wrongOption(`${path}.column`, 'the name of a column', undefined);
  return column;
}

function optionalColumn(reader: OptionReader, name: string, path: string): string | null {
  const value = reader.value(name);
  if (value === undefined) return null;
  if (typeof value !== 'string' || value === '') {
    throw wrongOption(`${path}.${name}`, 'the name of a column', value);
  }
  quoteIdentifier(value);
  return value;
}

function hardDeletesOf(
  value: unknown,
  path: string,
  fallback: 'tombstone' | 'not-captured',
): HardDeletes {
  if (value === undefined) return fallback;
  if (value === 'tombstone' || value === 'not-captured') return value;
  if (typeof value !== 'object' || value === null) {
    throw wrongOption(path, "'tombstone' or 'not-captured' or { reconcileMs }", value);
  }
  const reader = new OptionReader(path, value, ['reconcileMs']);
  if (reader.value('reconcileMs') === undefined) {
    throw wrongOption(`${path}.reconcileMs`, 'a positive integer', undefined);
  }
  return { reconcileMs: reader.positiveInteger('reconcileMs', 1, 2 ** 31 - 1) };
}
