/** Bounds of the pause between two attempts to connect. */
export interface ReconnectDelays {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** Full jitter between the lower bound and a cap that doubles with every attempt. */
export function reconnectDelayMs(delays: ReconnectDelays, attempt: number, random: number): number {
  const cap = Math.min(delays.maxDelayMs, delays.minDelayMs * 2 ** Math.min(attempt, 20));
  return Math.round(delays.minDelayMs + random * (cap - delays.minDelayMs));
}
