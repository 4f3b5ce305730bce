import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import { normalizeSourceOptions, readObjectName, REPLACED_KINDS } from '@certyo-cdc/postgres';
import { normalizeTables } from './normalize-tables.ts';
import type { PollingSourceOptions } from './options.ts';
import type { PollingSettings } from './settings.ts';

const OPTIONS = [
  'connection',
  'tables',
  'name',
  'keys',
  'acceptTables',
  'replaces',
  'intervalMs',
  'maxPageRows',
  'maxPageBytes',
  'horizonWarningMs',
  'allowStandby',
  'leaseMs',
  'leaseWaitMs',
  'deadAfterMs',
  'reconnect',
  'stateSchema',
  'stateConnection',
  'checkpoints',
  'deadLetters',
  'env',
] as const satisfies readonly (keyof PollingSourceOptions)[];

/** Reads the options strictly. Throws `ConfigurationError`; touches neither network nor files. */
export function normalizePollingOptions(options: PollingSourceOptions): PollingSettings {
  const reader = new OptionReader('', options, OPTIONS);
  const common = normalizeSourceOptions(reader, options, REPLACED_KINDS);
  return Object.freeze({
    ...common,
    name: readObjectName(reader, 'name', 'polling'),
    tables: normalizeTables(reader.value('tables'), reader.value('keys'), common.stateSchema),
    intervalMs: reader.bounds('intervalMs', ['min', 'max'], [100, 5_000]),
    maxPageRows: reader.positiveInteger('maxPageRows', 1_000, 100_000),
    maxPageBytes: reader.positiveInteger('maxPageBytes', 4 * 1024 * 1024, 2 ** 30),
    horizonWarningMs: reader.positiveIntegerOrFalse('horizonWarningMs', 60_000, MAX_TIMER_MS),
    allowStandby: reader.flag('allowStandby'),
    leaseMs: reader.positiveInteger('leaseMs', 15_000, MAX_TIMER_MS),
    leaseWaitMs: reader.positiveIntegerOrFalse('leaseWaitMs', 60_000),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 60_000, MAX_TIMER_MS),
  });
}
