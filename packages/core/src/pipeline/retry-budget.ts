/** Tokens for retries; one retry request costs one. */
export interface RetryBudget {
  readonly tokens: number;
  readonly atMs: number;
}

export interface RetryBudgetOptions {
  /** Tokens that each successful request adds. */
  readonly ratio: number;
  /** Tokens that come with time alone, so that retries never stop for good. */
  readonly perSecond: number;
  /** Most tokens that are kept. */
  readonly capacity: number;
}

export function fullBudget(options: RetryBudgetOptions, nowMs: number): RetryBudget {
  return { tokens: options.capacity, atMs: nowMs };
}

/** The budget as it is now. A clock that steps back adds nothing. */
export function refill(
  budget: RetryBudget,
  options: RetryBudgetOptions,
  nowMs: number,
): RetryBudget {
  const elapsedMs = Math.max(nowMs - budget.atMs, 0);
  const tokens = Math.min(budget.tokens + (elapsedMs / 1000) * options.perSecond, options.capacity);
  return { tokens, atMs: nowMs };
}

/** The budget after one successful request. */
export function deposit(budget: RetryBudget, options: RetryBudgetOptions): RetryBudget {
  return { ...budget, tokens: Math.min(budget.tokens + options.ratio, options.capacity) };
}

/** The budget after one retry, or null when there is no token for it. */
export function spend(budget: RetryBudget): RetryBudget | null {
  return budget.tokens >= 1 ? { ...budget, tokens: budget.tokens - 1 } : null;
}

/** Milliseconds until there is a token, when nothing succeeds meanwhile. */
export function untilTokenMs(budget: RetryBudget, options: RetryBudgetOptions): number {
  return Math.max(Math.ceil(((1 - budget.tokens) / options.perSecond) * 1000), 0);
}
