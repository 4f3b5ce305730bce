import { ConfigurationError } from '@certyo-cdc/core';
import { tableLabel, wrongOption } from '@certyo-cdc/core/internal';

import type { QualifiedName } from '../identifier/quote.ts';
import { parseTableName } from '../identifier/table-name.ts';

/** Record keys that are not the primary key, by table label. */
export type RecordKeys = Readonly<Record<string, readonly string[]>>;

/**
 * Reads the option `keys`: lists of columns by table.
 *
 * @param schemas Those whose tables are captured without being listed.
 */
export function readRecordKeys(
  value: unknown,
  listed: readonly QualifiedName[],
  schemas: readonly string[] = [],
): RecordKeys {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongOption('keys', 'an object of column lists by table', value);
  }
  const labels = new Set(listed.map(tableLabel));
  const keys: Record<string, readonly string[]> = {};
  for (const [table, columns] of Object.entries(value)) {
    const name = parseTableName(table, 'keys');
    const label = tableLabel(name);
    if (!labels.has(label) && !schemas.includes(name.schema)) {
      throw new ConfigurationError(
        `keys['${table}']`,
        `The option keys['${table}'] names the table ${label}, which \`tables\` does not list.`,
      );
    }
    const isList =
      Array.isArray(columns) &&
      columns.length > 0 &&
      columns.every((column) => typeof column === 'string' && column !== '');
    if (!isList) {
      throw new ConfigurationError(
        `keys['${table}']`,
        `Expected \`keys['${table}']\` to be a list of column names.`,
      );
    }
    keys[label] = columns as readonly string[];
  }
  return keys;
}
