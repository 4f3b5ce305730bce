/** No delay is longer than this, whatever a server asks for (H-10). */
export const LONGEST_DELAY_MS = 600_000;

export interface RetryDelayOptions {
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * How long to wait before the next try: capped exponential with full jitter (H-11).
 *
 * What the server asked for is a floor, with jitter on top so that waiters do not come back at one moment.
 *
 * @param failures Failed tries so far, at least 1.
 * @param random A number in [0, 1).
 */
export function retryDelayMs(
  failures: number,
  retryAfterMs: number | undefined,
  options: RetryDelayOptions,
  random: number,
): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const ceiling = Math.min(options.maxDelayMs, options.initialDelayMs * 2 ** exponent);
  const jitter = Math.round(random * ceiling);
  if (retryAfterMs === undefined || !(retryAfterMs > 0)) return Math.min(jitter, LONGEST_DELAY_MS);
  const floor = Math.min(retryAfterMs, LONGEST_DELAY_MS);
  return Math.min(Math.ceil(floor) + Math.round(random * options.initialDelayMs), LONGEST_DELAY_MS);
}
