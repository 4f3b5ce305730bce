import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import { quoteIdentifier, REPLACED_KINDS, resolveConnection } from '@certyo-cdc/postgres';
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
  const env = options.env ?? process.env;
  const connection = resolveConnection(options.connection, env);
  const name = reader.text('name', 'polling');
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(name)) {
    throw new ConfigurationError(
      'name',
      'Expected `name` to hold only lower-case letters, digits and underscores, at most 40, and not to begin with a digit.',
    );
  }
  const stateSchema = reader.text('stateSchema', 'certyo');
  quoteIdentifier(stateSchema);
  reader.assertMethods('checkpoints', ['load', 'save', 'close']);
  reader.assertMethods('deadLetters', ['park', 'lanes', 'list', 'remove', 'close']);
  return Object.freeze({
    connection,
    stateConnection:
      options.stateConnection === undefined
        ? connection
        : resolveConnection(options.stateConnection, env),
    stateSchema,
    name,
    tables: normalizeTables(reader.value('tables'), reader.value('keys'), stateSchema),
    acceptTables: reader.flag('acceptTables'),
    replaces:
      options.replaces === undefined ? null : reader.oneOf('replaces', REPLACED_KINDS, 'polling'),
    intervalMs: bounds(reader, 'intervalMs', ['min', 'max'], [100, 5_000], (min, max) => ({
      min,
      max,
    })),
    maxPageRows: reader.positiveInteger('maxPageRows', 1_000, 100_000),
    maxPageBytes: reader.positiveInteger('maxPageBytes', 4 * 1024 * 1024, 2 ** 30),
    horizonWarningMs: reader.positiveIntegerOrFalse('horizonWarningMs', 60_000, MAX_TIMER_MS),
    allowStandby: reader.flag('allowStandby'),
    leaseMs: reader.positiveInteger('leaseMs', 15_000, MAX_TIMER_MS),
    leaseWaitMs: reader.positiveIntegerOrFalse('leaseWaitMs', 60_000),
    deadAfterMs: reader.positiveIntegerOrFalse('deadAfterMs', 60_000, MAX_TIMER_MS),
    reconnect: bounds(
      reader,
      'reconnect',
      ['minDelayMs', 'maxDelayMs'],
      [100, 10_000],
      (minDelayMs, maxDelayMs) => ({ minDelayMs, maxDelayMs }),
    ),
  });
}

function bounds<T>(
  reader: OptionReader,
  option: string,
  [least, most]: readonly [string, string],
  [leastDefault, mostDefault]: readonly [number, number],
  make: (least: number, most: number) => T,
): T {
  const nested = reader.nested(option, [least, most]);
  const min = nested.positive(least, leastDefault, MAX_TIMER_MS);
  const max = nested.positive(most, Math.max(mostDefault, min), MAX_TIMER_MS);
  if (max < min) {
    throw new ConfigurationError(
      `${option}.${most}`,
      `Expected \`${option}.${most}\` to be at least \`${option}.${least}\` (${min}), got \`${max}\`.`,
    );
  }
  return make(min, max);
}
