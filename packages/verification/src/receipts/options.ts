import { ConfigurationError } from '@certyo-cdc/core';
import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import {
  type NormalizedStoreOptions,
  normalizePostgresStoreOptions,
  type PostgresStoreOptions,
} from '@certyo-cdc/postgres';

import { type LedgerShape, PARTITION_PERIODS, type PartitionPeriod } from '../setup/options.ts';

/** Options of `postgresReceiptStore`. */
export interface PostgresReceiptStoreOptions extends PostgresStoreOptions {
  /**
   * Time of acceptance that one partition holds. Used by `setup()`.
   *
   * @default 'month'
   */
  readonly partition?: PartitionPeriod | undefined;
  /**
   * Days that receipts are kept; `false` for ever. Used by `setup()`. Dropped are whole partitions, never one in which a receipt
   * is pending. Without its receipts nothing can be said of a row but what the API knows.
   *
   * @default false
   */
  readonly retentionDays?: number | false | undefined;
  /**
   * Time from storing a receipt to the first look at it, milliseconds. A batch of the API is closed after 60 s, and takes
   * about as long again to be anchored.
   *
   * @default 120_000
   */
  readonly firstLookMs?: number | undefined;
}

/** Options with defaults. */
export interface NormalizedReceiptStoreOptions {
  readonly place: NormalizedStoreOptions;
  readonly shape: LedgerShape;
  readonly firstLookMs: number;
}

const DEFAULTS = Object.freeze({ partition: 'month', retentionDays: false, firstLookMs: 120_000 });

const PLACE_NAMES = ['connection', 'pool', 'schema'] as const;
const OWN_NAMES = ['partition', 'retentionDays', 'firstLookMs'] as const;
const MOST_DAYS = 36_500;

/** Checks the options and fills in defaults. */
export function normalizeReceiptStoreOptions(
  options: PostgresReceiptStoreOptions,
): NormalizedReceiptStoreOptions {
  const reader = new OptionReader('', options, [...PLACE_NAMES, ...OWN_NAMES]);
  const retentionDays = reader.positiveIntegerOrFalse(
    'retentionDays',
    DEFAULTS.retentionDays,
    MOST_DAYS,
  );
  // The skip rule, and what comes again after a long while, need a few days at least.
  if (retentionDays !== false && retentionDays < 2) {
    throw new ConfigurationError('retentionDays', 'Expected `retentionDays` to be at least 2.');
  }
  return {
    shape: {
      partition: reader.oneOf('partition', PARTITION_PERIODS, 'month'),
      retentionDays,
    },
    firstLookMs: reader.positive('firstLookMs', DEFAULTS.firstLookMs, MAX_TIMER_MS),
    place: normalizePostgresStoreOptions(
      Object.fromEntries(
        PLACE_NAMES.filter((name) => options[name] !== undefined).map((name) => [
          name,
          options[name],
        ]),
      ),
    ),
  };
}
