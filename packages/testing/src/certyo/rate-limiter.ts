import type { NormalizedRateLimit } from './options.ts';

/** A token bucket per client. */
export class RateLimiter {
  readonly #limit: NormalizedRateLimit;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(limit: NormalizedRateLimit) {
    this.#limit = limit;
  }

  /** Takes a token: null, or how long until there is one. */
  take(client: string, nowMs: number): number | null {
    const { requests, perMs } = this.#limit;
    const bucket = this.#buckets.get(client) ?? { tokens: requests, atMs: nowMs };
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) * requests) / perMs;
    const tokens = Math.min(requests, refilled);
    const isAllowed = tokens >= 1;
    this.#buckets.set(client, { tokens: isAllowed ? tokens - 1 : tokens, atMs: nowMs });
    return isAllowed ? null : ((1 - tokens) * perMs) / requests;
  }
}

/** A `Retry-After` value that lies at least `waitMs` ahead. */
export function retryAfterValue(form: 'seconds' | 'http-date', waitMs: number): string {
  const seconds = Math.ceil(waitMs / 1000);
  // The date is on the real clock, as the Date header is: it says nothing finer than seconds, so one is added.
  return form === 'seconds'
    ? String(seconds)
    : new Date(Date.now() + (seconds + 1) * 1000).toUTCString();
}
