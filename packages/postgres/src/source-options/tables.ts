import { ConfigurationError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';

import type { QualifiedName } from '../identifier/quote.ts';
import { parseTableName, type TableName } from '../identifier/table-name.ts';
import { isStateSchema } from './state-schema.ts';

/** Checks that the option `tables` is a list, and not empty; its entries are not looked at. */
export function readTableList(value: unknown): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new ConfigurationError('tables', 'Expected `tables` to be a list of at least one table.', {
    remedy: "For example: tables: ['public.orders'].",
  });
}

/** Reads the option `tables` of a source for which a table is only a name. */
export function readTables(value: unknown, stateSchema: string): readonly QualifiedName[] {
  const tables = readTableList(value).map((table) => parseTableName(table as TableName));
  refuseOwnAndRepeated(tables, stateSchema);
  return tables;
}

/** Refuses tables that stand twice in a list, and those of the schemas in which this library keeps its state. */
export function refuseOwnAndRepeated(tables: readonly QualifiedName[], stateSchema: string): void {
  const seen = new Set<string>();
  for (const table of tables) {
    const { schema } = table;
    const label = tableLabel(table);
    if (isStateSchema(schema, stateSchema)) {
      throw new ConfigurationError(
        'tables',
        `The table ${label} is in the schema ${schema}, which holds the library's own state and is never captured.`,
      );
    }
    if (seen.has(label)) {
      throw new ConfigurationError('tables', `The table ${label} stands twice in \`tables\`.`);
    }
    seen.add(label);
  }
}
