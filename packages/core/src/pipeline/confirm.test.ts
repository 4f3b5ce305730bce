import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  memorySource,
  type MemoryChange,
  type MemoryFault,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { DeliveryConnectionError } from '../errors/delivery-error.ts';
import { createPipeline } from './create-pipeline.ts';

const FAST = {
  checkpointIntervalMs: 1,
  batch: { lingerMs: 1 },
  retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
  breaker: false,
} as const;

const down = new DeliveryConnectionError('The other side is away.');
const fail: MemoryFault = ({ items }) =>
  items.map(() => ({ type: 'retry', error: down, inDoubt: false }));

function update(id: number, value: number): MemoryChange {
  return { operation: 'update', key: { id }, after: { id, value } };
}

describe('createPipeline, asking about what may have been sent', () => {
  test('H-07: old events are asked about although the checkpoint is young', async () => {
    const checkpoints = memoryCheckpointStore();
    const committedAt = (): string => new Date(Date.now() - 90_000_000).toISOString();
    const source = memorySource({ checkpoints, committedAt });
    let isHeld = true;
    const held: MemoryFault = (request) =>
      isHeld && request.items.some((item) => item.lane === 'items:{"id":2}') ? fail(request) : null;
    const options = { ...FAST, batch: { maxItems: 1 } };
    const first = createPipeline(source, memorySink({ faults: held }), options);
    await first.start();
    source.push([update(1, 1)]);
    source.push([update(2, 1)]);
    // Delivered behind what is held: it comes again, and nobody knows when it was sent.
    source.push([update(3, 1)]);
    await expect.poll(() => first.status()).toMatchObject({ delivered: 2 });
    await expect.poll(() => source.acknowledged).toBe('0000000001');
    await first.stop();
    isHeld = false;
    const sink = memorySink({ confirms: true, idempotencyWindowMs: 80_000_000 });
    const second = createPipeline(source, sink, options);
    await second.start();
    await second.caughtUp();
    expect(sink.confirmed.map((item) => item.lane).sort()).toEqual([
      'items:{"id":2}',
      'items:{"id":3}',
    ]);
    await second.drain();
  });

  test('H-07: what was parked for longer than the window is asked about when it is redriven', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const sink = memorySink({
      confirms: true,
      idempotencyWindowMs: 20,
      faults: ({ apply, items, number }) => {
        if (number > 1) return null;
        // It arrived, the answer did not, and the tries are used up.
        apply(items);
        return items.map(() => ({ type: 'retry', error: down, inDoubt: true }));
      },
    });
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      retry: { ...FAST.retry, maxAttempts: 1 },
      onRejected: 'park',
    });
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    const parkedAtMs = deadLetters.letters('memory')[0]?.parkedAtMs ?? Infinity;
    await expect.poll(() => Date.now() - parkedAtMs).toBeGreaterThan(20);
    expect(await pipeline.redrive()).toEqual({ delivered: 1, stillParked: 0 });
    expect(sink.confirmed.map((item) => item.lane)).toEqual(['items:{"id":1}']);
    expect(sink.requests.length).toBe(1);
    await pipeline.drain();
  });
});
