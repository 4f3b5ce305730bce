import type { OptionReader } from '@certyo-cdc/core/internal';

import type { ReconnectDelays } from '../connection/reconnect-delay.ts';

/** Pauses between attempts to connect, milliseconds. */
export interface ReconnectOptions {
  /** @default 100 */
  readonly minDelayMs?: number | undefined;
  /** @default 10000 */
  readonly maxDelayMs?: number | undefined;
}

/** Reads the option `reconnect`. */
export function readReconnect(reader: OptionReader): ReconnectDelays {
  return reader.bounds('reconnect', ['minDelayMs', 'maxDelayMs'], [100, 10_000]);
}
