import { OptionReader } from '@certyo-cdc/core/internal';
import {
  type NormalizedStoreOptions,
  normalizePostgresStoreOptions,
  type PostgresStoreOptions,
} from '@certyo-cdc/postgres';

/** Options of `postgresWindowStore`. */
export interface PostgresWindowStoreOptions extends PostgresStoreOptions {
  /**
   * Least time that a window spans, milliseconds, a day at most. It is closed by the first checkpoint that is saved after it, or by
   * the ten thousandth.
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

const LONGEST_MS = 86_400_000;
const PLACE_NAMES = ['connection', 'pool', 'schema'] as const;

/** Checks the options and fills in defaults. */
export function normalizeWindowStoreOptions(
  options: PostgresWindowStoreOptions,
): NormalizedWindowStoreOptions {
  const reader = new OptionReader('', options, [...PLACE_NAMES, 'windowMs']);
  return {
    windowMs: reader.positive('windowMs', 3_600_000, LONGEST_MS),
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
