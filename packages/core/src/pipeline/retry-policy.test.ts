import { describe, expect, test } from 'vitest';

import { deposit, fullBudget, refill, spend, untilTokenMs } from './retry-budget.ts';
import { LONGEST_DELAY_MS, retryDelayMs } from './retry-policy.ts';

const OPTIONS = { initialDelayMs: 100, maxDelayMs: 1_000 };

describe('retryDelayMs', () => {
  test('H-11: doubles up to the cap, with full jitter', () => {
    const longest = [1, 2, 3, 4, 5, 1_000].map((n) => retryDelayMs(n, undefined, OPTIONS, 1));
    expect(longest).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(retryDelayMs(5, undefined, OPTIONS, 0)).toBe(0);
    expect(retryDelayMs(5, undefined, OPTIONS, 0.5)).toBe(500);
  });

  test.each([
    { retryAfterMs: 5_000, least: 5_000, most: 5_100 },
    { retryAfterMs: 2_147_484_000, least: LONGEST_DELAY_MS, most: LONGEST_DELAY_MS },
    { retryAfterMs: Infinity, least: LONGEST_DELAY_MS, most: LONGEST_DELAY_MS },
    { retryAfterMs: 0, least: 0, most: 100 },
    { retryAfterMs: -1, least: 0, most: 100 },
    { retryAfterMs: Number.NaN, least: 0, most: 100 },
  ])('H-10: Retry-After of $retryAfterMs ms is a floor, at most 10 minutes', (sample) => {
    expect(retryDelayMs(1, sample.retryAfterMs, OPTIONS, 0)).toBe(sample.least);
    expect(retryDelayMs(1, sample.retryAfterMs, OPTIONS, 1)).toBe(sample.most);
  });
});

describe('RetryBudget', () => {
  const options = { ratio: 0.1, perSecond: 2, capacity: 5 };

  test('H-11: retries cost tokens, which come with successes and with time', () => {
    let budget = fullBudget(options, 0);
    for (let n = 0; n < 5; n += 1) budget = spend(budget) ?? budget;
    expect(spend(budget)).toBeNull();
    expect(untilTokenMs(budget, options)).toBe(500);
    for (let n = 0; n < 10; n += 1) budget = deposit(budget, options);
    expect(budget.tokens).toBeCloseTo(1);
    budget = refill({ ...budget, tokens: 0 }, options, 1_000);
    expect(budget.tokens).toBe(2);
    expect(refill(budget, options, 1_000_000).tokens).toBe(5);
    expect(refill(budget, options, 0).tokens).toBe(2);
  });
});
