import * as z from 'zod/v4/core';

import { ConfigurationError } from '../../errors/configuration-error.ts';
import { refuseUnknownOptions, wrongOption } from '../../internal/option-checks.ts';
import type { AnyTableMapping } from '../table-mapping.ts';

const FUNCTIONS = ['skip', 'recordId', 'payload', 'version', 'sourceTimestamp'] as const;
const TEXTS = ['collection', 'database'] as const;
const NAMES = [...FUNCTIONS, ...TEXTS, 'row', 'operationType', 'columns'] as const;

/** Checks the mapping of one table and copies it. */
export function normalizeTableMapping(table: string, mapping: unknown): AnyTableMapping {
  if (!/^.+\..+$/su.test(table)) {
    throw new ConfigurationError(
      table,
      `Expected the names of mappings to be \`schema.table\`, got \`${table}\`.`,
    );
  }
  if (typeof mapping !== 'object' || mapping === null)
    throw wrongOption(table, 'a mapping', mapping);
  refuseUnknownOptions(`recordMapper['${table}']`, mapping, NAMES);
  const members = mapping as Readonly<Record<string, unknown>>;
  for (const name of FUNCTIONS) {
    const value = members[name];
    if (value !== undefined && typeof value !== 'function') {
      throw wrongOption(`['${table}'].${name}`, 'a function', value);
    }
  }
  for (const name of TEXTS) {
    const value = members[name];
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw wrongOption(`['${table}'].${name}`, 'a text that is not empty', value);
    }
  }
  const schema = members['row'];
  if (schema !== undefined && !(schema instanceof z.$ZodType)) {
    throw wrongOption(`['${table}'].row`, 'a zod 4 schema', schema);
  }
  return { ...members };
}
