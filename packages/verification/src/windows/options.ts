import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import {
  type NormalizedStoreOptions,
  normalizePostgresStoreOptions,
  type PostgresStoreOptions,
} from '@certyo-cdc/postgres';

/** Options of `postgresWindowStore`. */
export interface PostgresWindowStoreOptions extends PostgresStoreOptions {
  /**
   * Least time that a window spans, milliseconds. It is closed by the first checkpoint that is saved after it.
   *
   * @default 3_600_000
   */
  readonly windowMs?: number | undefined;
}

/** Options with defaults. */
export interface NormalizedWindowStoreOptions {
  readonly place: NormalizedStoreOptions;
  readonly windowMs: number;
}

const PLACE_NAMES = ['connection', 'pool', 'schema'] as const;

/** Checks the options and fills in defaults. */
export function normalizeWindowStoreOptions(
  options: PostgresWindowStoreOptions,
): NormalizedWindowStoreOptions {
  const reader = new OptionReader('', options, [...PLACE_NAMES, 'windowMs']);
  return {
    windowMs: reader.positive('windowMs', 3_600_000, MAX_TIMER_MS),
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
