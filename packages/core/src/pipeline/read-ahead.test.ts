import {
  memoryCheckpointStore,
  memorySink,
  memorySource,
  type MemoryChange,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { createPipeline } from './create-pipeline.ts';

const BATCH = 5;

function update(id: number): MemoryChange {
  return { operation: 'update', key: { id }, after: { id } };
}

describe('createPipeline, reading ahead', () => {
  test('while all requests are under way it reads two more, and goes on when one is answered', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: BATCH });
    const answers: (() => void)[] = [];
    const sink = memorySink({
      faults: () => new Promise((resolve) => answers.push(() => resolve(null))),
    });
    await using pipeline = createPipeline(source, sink, {
      batch: { maxItems: BATCH, lingerMs: false },
      concurrency: 3,
    });
    for (let n = 0; n < 100; n += 1) {
      source.push(Array.from({ length: BATCH }, (_, id) => update(n * BATCH + id)));
    }
    await pipeline.start();
    const received = (): number => pipeline.status().received;
    await expect.poll(received).toBe(5 * BATCH);
    expect(sink.active).toBe(3);
    answers.shift()?.();
    await expect.poll(received).toBe(6 * BATCH);
    expect(sink.active).toBe(3);
    const answering = setInterval(() => answers.shift()?.(), 1);
    await pipeline.caughtUp();
    clearInterval(answering);
    expect(sink.effects.length).toBe(100 * BATCH);
  });

  test('what waits for its own record does not count: the others are read past it', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: BATCH });
    const answers: (() => void)[] = [];
    const sink = memorySink({
      faults: () => new Promise((resolve) => answers.push(() => resolve(null))),
    });
    await using pipeline = createPipeline(source, sink, {
      batch: { maxItems: BATCH, lingerMs: false },
      concurrency: 2,
    });
    // One record that changes all the time; behind it others.
    for (let n = 0; n < 20; n += 1) source.push(Array.from({ length: BATCH }, () => update(0)));
    for (let n = 1; n < 20; n += 1) {
      source.push(Array.from({ length: BATCH }, (_, id) => update(n * BATCH + id)));
    }
    await pipeline.start();
    await expect.poll(() => sink.active).toBe(2);
    await expect.poll(() => pipeline.status().received).toBe((20 + 3) * BATCH);
    const answering = setInterval(() => answers.shift()?.(), 1);
    await pipeline.caughtUp();
    clearInterval(answering);
    expect(sink.effects.length).toBe(39 * BATCH);
  });
});
