import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IDEMPOTENCY_WINDOW_MS, IdempotencyStore } from './idempotency-store.ts';

const answer = (acceptedAtMs: number, recordId: string) => ({
  recordId,
  recordHash: 'h',
  acceptedAtMs,
});

describe('IdempotencyStore', () => {
  test('finds what a plain map with times would find', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 5 }).map(String),
      waitMs: fc.constantFrom(0, 1, IDEMPOTENCY_WINDOW_MS / 3, IDEMPOTENCY_WINDOW_MS),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const store = new IdempotencyStore(null);
        const model = new Map<string, ReturnType<typeof answer>>();
        let nowMs = 0;
        steps.forEach(({ key, waitMs }, index) => {
          nowMs += waitMs;
          const known = model.get(key);
          const isKnown = known !== undefined && nowMs - known.acceptedAtMs < IDEMPOTENCY_WINDOW_MS;
          expect(store.find(key, nowMs)).toBe(isKnown ? known : null);
          if (isKnown) return;
          const fresh = answer(nowMs, String(index));
          store.remember(key, fresh, nowMs);
          model.set(key, fresh);
        });
      }),
    );
  });

  test('forgets keys after the window, and the oldest beyond its capacity', () => {
    const store = new IdempotencyStore(5_000);
    for (let n = 0; n < 20_000; n += 1) store.remember(`${n}`, answer(n, `${n}`), n);
    expect(store.size).toBe(5_000);
    expect(store.find('14999', 20_000)).toBeNull();
    expect(store.find('15000', 20_000)).toMatchObject({ recordId: '15000' });

    store.remember('x', answer(IDEMPOTENCY_WINDOW_MS * 2, 'x'), IDEMPOTENCY_WINDOW_MS * 2);
    expect(store.size).toBe(1);
  });
});
