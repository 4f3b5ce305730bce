import type { SourceEvent } from '@certyo-cdc/core';

/** The stream cannot tell from where on the new key holds, nor whether the old one still names one row. */
export function keyKept(
  table: string,
  kept: readonly string[],
  primaryKey: readonly string[],
): SourceEvent {
  return {
    type: 'source-warned',
    code: 'KEY_KEPT',
    message: `The primary key of ${table} is (${primaryKey.join(', ')}) now; its records keep being named by (${kept.join(', ')}). To decide it, set the option keys: { '${table}': [...] }.`,
  };
}

/** What was written before the start may come for the second time, and then has to be what it was. */
export function generatedBefore(table: string, columns: readonly string[]): SourceEvent {
  return {
    type: 'source-warned',
    code: 'COLUMNS_OUTDATED',
    message: `Whether ${columns.join(', ')} of ${table} is generated was altered while nothing was read. Rows from before this start are handed over as if it had not been; to have them as they are, call source.backfill({ tables: ['${table}'] }).`,
  };
}
