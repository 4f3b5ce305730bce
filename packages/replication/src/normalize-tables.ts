import { ConfigurationError } from '@certyo-cdc/core';
import { OptionReader, tableLabel, wrongOption } from '@certyo-cdc/core/internal';
import {
  isStateSchema,
  parseTableName,
  type QualifiedName,
  quoteIdentifier,
  readTableList,
  refuseOwnAndRepeated,
} from '@certyo-cdc/postgres';
import type { TableName } from './options.ts';

/** A table that is captured, and what of it is published. */
export interface CapturedTable extends QualifiedName {
  /** The columns in the publication's list; null for all. */
  readonly columns: readonly string[] | null;
  /** The publication's row filter, as SQL; null for none. */
  readonly where: string | null;
}

/** Reads the option `tables`; may be empty where schemas are captured. */
export function normalizeTables(
  value: unknown,
  stateSchema: string,
  schemas: readonly string[],
): readonly CapturedTable[] {
  const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
  if (isEmpty && schemas.length > 0) return [];
  const tables = readTableList(value).map((table, i) => capturedTable(table as TableName, i));
  refuseOwnAndRepeated(tables, stateSchema);
  for (const table of tables) {
    const narrows = table.columns !== null || table.where !== null;
    if (narrows && schemas.includes(table.schema)) {
      throw new ConfigurationError(
        'tables',
        `The table ${tableLabel(table)} is listed with \`columns\` or \`where\`, and \`schemas\` captures all of ${table.schema}.`,
        { remedy: 'List the tables of that schema one by one.' },
      );
    }
  }
  return tables;
}

/** Reads the option `schemas`. */
export function normalizeSchemas(value: unknown, stateSchema: string): readonly string[] {
  if (value === undefined) return [];
  const names = textList('schemas', value, 'a list of schema names');
  for (const name of names) {
    quoteIdentifier(name);
    if (isStateSchema(name, stateSchema)) {
      throw new ConfigurationError(
        'schemas',
        `The schema ${name} holds the library's own state and is never captured.`,
      );
    }
  }
  return [...new Set(names)];
}

/** Reads the option `messages`. */
export function normalizeMessages(value: unknown): boolean | readonly string[] {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  if (!Array.isArray(value))
    throw wrongOption('messages', 'a boolean or a list of prefixes', value);
  return textList('messages', value, 'a boolean or a list of prefixes');
}

function capturedTable(table: TableName, i: number): CapturedTable {
  const name = parseTableName(table);
  if (typeof table === 'string') return { ...name, columns: null, where: null };
  const path = `tables[${i}]`;
  const reader = new OptionReader(path, table, ['schema', 'name', 'columns', 'where']);
  const where = reader.text('where', '');
  return {
    ...name,
    columns:
      table.columns === undefined
        ? null
        : textList(`${path}.columns`, table.columns, 'a list of column names'),
    where: where === '' ? null : where,
  };
}

function textList(option: string, value: unknown, expected: string): readonly string[] {
  const isList =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((text) => typeof text === 'string' && text !== '');
  if (!isList) throw new ConfigurationError(option, `Expected \`${option}\` to be ${expected}.`);
  return [...(value as readonly string[])];
}
