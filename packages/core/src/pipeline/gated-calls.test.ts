import { memoryCheckpointStore, memorySink, memorySource } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { DeliveryConnectionError, HttpStatusError } from '../errors/delivery-error.ts';
import { createPipeline } from './create-pipeline.ts';
import { GatedCalls } from './gated-calls.ts';

const { signal } = new AbortController();
const busy = new HttpStatusError(429, 'Too many requests.', { retryAfterMs: 300 });

describe('GatedCalls', () => {
  test('gives the answer, and what was thrown as it is', async () => {
    const calls = new GatedCalls('gated-calls: answers');
    expect(await calls.call(() => Promise.resolve(7), { signal })).toBe(7);
    const wrong = new HttpStatusError(404, 'There is no such thing.');
    await expect(calls.call(() => Promise.reject(wrong), { signal })).rejects.toBe(wrong);
    calls.release();
  });

  test('H-10: nobody of the scope asks before the time that the other side has set', async () => {
    const scope = 'gated-calls: retry after';
    const calls = new GatedCalls(scope);
    const others = new GatedCalls(scope);
    const startedAt = performance.now();
    await expect(calls.call(() => Promise.reject(busy), { signal })).rejects.toBe(busy);
    await Promise.all(
      [calls, others].map((each) => each.call(() => Promise.resolve(), { signal })),
    );
    expect(performance.now() - startedAt).toBeGreaterThan(250);
    calls.release();
    others.release();
  });

  test('H-11: a breaker that pipelines of the scope have opened holds it up too', async () => {
    const scope = 'gated-calls: breaker';
    const down = new DeliveryConnectionError('The other side is away.');
    let isDown = true;
    const sink = memorySink({
      faults: ({ items }) =>
        isDown ? items.map(() => ({ type: 'retry', error: down, inDoubt: false })) : null,
    });
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = createPipeline(source, Object.assign(sink, { scope }), {
      breaker: { failures: 2, openMs: 1_000, maxOpenMs: 1_000 },
      retry: { initialDelayMs: 1, maxDelayMs: 1, budget: false },
    });
    await pipeline.start();
    source.push([{ operation: 'insert', key: { id: 1 } }]);
    await expect.poll(() => pipeline.status().breaker).toBe('open');
    const calls = new GatedCalls(scope);
    let isAnswered = false;
    const call = calls
      .call(() => Promise.resolve(), { signal })
      .then(() => {
        isAnswered = true;
      });
    await Promise.resolve();
    expect(isAnswered).toBe(false);
    isDown = false;
    await call;
    await pipeline.caughtUp();
    calls.release();
    await pipeline.drain();
  });

  test('an abort while it waits rejects with its reason', async () => {
    const calls = new GatedCalls('gated-calls: abort');
    const long = new HttpStatusError(429, 'Too many requests.', { retryAfterMs: 60_000 });
    await expect(calls.call(() => Promise.reject(long), { signal })).rejects.toBe(long);
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = calls.call(() => Promise.resolve(), { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    calls.release();
  });
});
