import { MAX_TIMER_MS, OptionReader } from '@certyo-cdc/core/internal';
import { readReconnect, type ReconnectDelays, type ReconnectOptions } from '@certyo-cdc/postgres';

/** How a listening connection is watched. */
export interface ListenerOptions {
  /** Pause between two questions that show whether the connection lives, milliseconds. @default 5000 */
  readonly heartbeatMs?: number | undefined;
  /** Time for an answer on it, milliseconds; without one the connection is dropped and made again. @default 5000 */
  readonly answerTimeoutMs?: number | undefined;
  /**
   * Time for a notification from a second connection to arrive, milliseconds: tried at start, because behind a pooler in
   * transaction mode none ever does. `false` leaves the trial out. @default 2000
   */
  readonly selfTestMs?: number | false | undefined;
  /** Pauses between attempts to connect, milliseconds, growing from one to the other with jitter. @default 100 to 10000 */
  readonly reconnect?: ReconnectOptions | undefined;
}

/** The options as settled. */
export interface ListenerSettings {
  readonly heartbeatMs: number;
  readonly answerTimeoutMs: number;
  readonly selfTestMs: number | false;
  readonly reconnect: ReconnectDelays;
}

const OPTIONS = [
  'heartbeatMs',
  'answerTimeoutMs',
  'selfTestMs',
  'reconnect',
] as const satisfies readonly (keyof ListenerOptions)[];

/**
 * Reads the options strictly.
 *
 * @param option Where they stand among the caller's options, for error messages.
 */
export function normalizeListenerOptions(
  value: ListenerOptions | undefined,
  option: string = 'listener',
): ListenerSettings {
  const reader = new OptionReader(option, value, OPTIONS);
  return {
    heartbeatMs: reader.positive('heartbeatMs', 5_000, MAX_TIMER_MS),
    answerTimeoutMs: reader.positive('answerTimeoutMs', 5_000, MAX_TIMER_MS),
    selfTestMs: reader.positiveIntegerOrFalse('selfTestMs', 2_000, MAX_TIMER_MS),
    reconnect: readReconnect(reader),
  };
}
