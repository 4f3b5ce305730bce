import { ConfigurationError } from '@certyo-cdc/core';
import { OptionReader, tableLabel, wrongOption } from '@certyo-cdc/core/internal';
import { parseTableName, type QualifiedName, quoteIdentifier } from '@certyo-cdc/postgres';
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
  if (value === undefined && schemas.length > 0) return [];
  if (!Array.isArray(value) || (value.length === 0 && schemas.length === 0)) {
    throw new ConfigurationError(
      'tables',
      'Expected `tables` to be a list of at least one table.',
      {
        remedy: "For example: tables: ['public.orders'].",
      },
    );
  }
  const parsed = (value as readonly TableName[]).map((table, i) => capturedTable(table, i));
  const seen = new Set<string>();
  for (const table of parsed) {
    const text = tableLabel(table);
    if (isOwnSchema(table.schema, stateSchema)) {
      throw new ConfigurationError(
        'tables',
        `The table ${text} is in the schema ${table.schema}, which holds the library's own state and is never captured.`,
      );
    }
    if (seen.has(text)) {
      throw new ConfigurationError('tables', `The table ${text} stands twice in \`tables\`.`);
    }
    const narrows = table.columns !== null || table.where !== null;
    if (narrows && schemas.includes(table.schema)) {
      throw new ConfigurationError(
        'tables',
        `The table ${text} is listed with \`columns\` or \`where\`, and \`schemas\` captures all of ${table.schema}.`,
        { remedy: 'List the tables of that schema one by one.' },
      );
    }
    seen.add(text);
  }
  return parsed;
}

/** Reads the option `schemas`. */
export function normalizeSchemas(value: unknown, stateSchema: string): readonly string[] {
  if (value === undefined) return [];
  const names = textList('schemas', value, 'a list of schema names');
  for (const name of names) {
    quoteIdentifier(name);
    if (isOwnSchema(name, stateSchema)) {
      throw new ConfigurationError(
        'schemas',
        `The schema ${name} holds the library's own state and is never captured.`,
      );
    }
  }
  return [...new Set(names)];
}

/** Reads the option `keys`: lists of columns by a table that is captured. */
export function normalizeKeys(
  value: unknown,
  listed: readonly QualifiedName[],
  schemas: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongOption('keys', 'an object of column lists by table', value);
  }
  const normalized: Record<string, readonly string[]> = {};
  for (const [table, columns] of Object.entries(value)) {
    const named = parseTableName(table, 'keys');
    const label = tableLabel(named);
    if (!schemas.includes(named.schema) && !listed.some((one) => tableLabel(one) === label)) {
      throw new ConfigurationError(
        `keys['${table}']`,
        `The option keys['${table}'] names the table ${label}, which \`tables\` does not list.`,
      );
    }
    normalized[label] = textList(`keys['${table}']`, columns, 'a list of column names');
  }
  return normalized;
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

function isOwnSchema(schema: string, stateSchema: string): boolean {
  return schema === 'certyo' || schema === stateSchema;
}
