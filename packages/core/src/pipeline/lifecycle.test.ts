import {
  manualTime,
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  memorySource,
  type MemoryChange,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { SourceSetupError } from '../errors/source-error.ts';
import { createPipeline } from './create-pipeline.ts';

const FAST = {
  checkpointIntervalMs: 1,
  batch: { lingerMs: 1 },
  retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
  breaker: false,
} as const;

function update(id: number, value: number = 1): MemoryChange {
  return { operation: 'update', key: { id }, after: { id, value } };
}

/** Lets a test decide when something goes on. */
function gate(): { readonly passed: Promise<void>; open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

describe('createPipeline, living and ending', () => {
  test('I12: after stop() no timer, listener or promise is left', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const held = gate();
    const sink = memorySink({
      faults: async ({ signal }) => {
        await Promise.race([
          held.passed,
          new Promise((resolve) => {
            signal.addEventListener('abort', resolve, { once: true });
          }),
        ]);
        return null;
      },
    });
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      batch: { lingerMs: 5_000, maxItems: 1 },
    });
    await pipeline.start();
    for (let id = 0; id < 50; id += 1) source.push([update(id)]);
    await expect.poll(() => sink.active).toBe(4);
    const caughtUp = pipeline.caughtUp();
    const refused = expect(caughtUp).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
    await pipeline.stop();
    await refused;
    expect(await pipeline.closed).toBeNull();
    expect(sink.active).toBe(0);
    expect(sink.isClosed).toBe(true);
    expect(source.openStreams).toBe(0);
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    expect(after).toBeLessThanOrEqual(before);
  });

  test('I12: an answer that stops the pipeline leaves no timer for its other items', async () => {
    const time = manualTime();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const error = new Error('no');
    const sink = memorySink({
      faults: ({ items }) =>
        items.map((_, index) =>
          index === 0
            ? { type: 'rejected', error, scope: 'item' }
            : { type: 'retry', error, inDoubt: false },
        ),
    });
    const pipeline = createPipeline(source, sink, { time, random: () => 0.9 });
    await pipeline.start();
    source.push([update(1), update(2)]);
    await time.advance(100);
    expect(await pipeline.closed).toBe(error);
    expect(time.pending).toBe(0);
  });

  test('I12: a probe of a pipeline that has stopped does not hold up the others of its scope', async () => {
    const time = manualTime();
    const scope = `scope-${Math.random()}`;
    const error = new Error('down');
    const deaf = memorySink({
      scope,
      faults: ({ items, number }) =>
        number > 5
          ? new Promise(() => {})
          : items.map(() => ({ type: 'retry', error, inDoubt: false })),
    });
    const options = { time, random: () => 0.01, batch: { lingerMs: false } } as const;
    const first = memorySource({ name: 'first', checkpoints: memoryCheckpointStore() });
    const second = memorySource({ name: 'second', checkpoints: memoryCheckpointStore() });
    const other = memorySink({ scope });
    const stopping = createPipeline(first, deaf, options);
    const staying = createPipeline(second, other, options);
    await stopping.start();
    await staying.start();
    first.push([update(1)]);
    await time.advance(20_000);
    expect(deaf.active).toBe(1);
    second.push([update(1)]);
    await time.advance(20_000);
    expect(other.requests.length).toBe(0);
    const stopped = stopping.stop();
    await time.advance(20_000);
    expect(other.effects.length).toBe(1);
    await stopped;
    await staying.stop();
    expect(time.pending).toBe(0);
  });

  test('H-20: drain() takes nothing new, finishes what was taken and acknowledges it', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const held = gate();
    const sink = memorySink({ faults: () => held.passed.then(() => null) });
    const pipeline = createPipeline(source, sink, { ...FAST, checkpointIntervalMs: 100_000 });
    await pipeline.start();
    source.push([update(1)]);
    await expect.poll(() => sink.active).toBe(1);
    const drained = pipeline.drain();
    expect(pipeline.status().state).toBe('draining');
    source.push([update(2)]);
    held.open();
    await drained;
    expect(sink.effects.map((effect) => effect.lane)).toEqual(['items:{"id":1}']);
    expect(source.acknowledged).toBe('0000000001');
    await pipeline.drain();
    await pipeline.stop();
    await expect(pipeline.start()).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
    expect(() => pipeline.status()).not.toThrow();
  });

  test('an aborted drain() gives up waiting, not draining', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const held = gate();
    const sink = memorySink({ faults: () => held.passed.then(() => null) });
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push([update(1)]);
    await expect.poll(() => sink.active).toBe(1);
    const abort = new AbortController();
    const drained = pipeline.drain({ signal: abort.signal });
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(drained).rejects.toBe(reason);
    held.open();
    await pipeline.drain();
    expect(source.acknowledged).toBe('0000000001');
  });

  test('idle, it stops, drains and disposes at once', async () => {
    for (const end of ['stop', 'drain'] as const) {
      const pipeline = createPipeline(
        memorySource({ checkpoints: memoryCheckpointStore() }),
        memorySink(),
      );
      await expect(pipeline.caughtUp()).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
      await pipeline[end]();
      await pipeline[Symbol.asyncDispose]();
      expect(pipeline.status().state).toBe('stopped');
      expect(await pipeline.closed).toBeNull();
    }
  });

  test('start() rejects with what made it impossible', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const error = new SourceSetupError('wal_level is replica.');
    source.onOpen = () => {
      throw error;
    };
    const pipeline = createPipeline(source, memorySink());
    await expect(pipeline.start()).rejects.toBe(error);
    expect(pipeline.status()).toMatchObject({ state: 'failed', error });
    expect(await pipeline.closed).toBe(error);
  });

  test('an aborted start() rejects with the reason and leaves nothing open', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const held = gate();
    source.onOpen = () => held.passed;
    const pipeline = createPipeline(source, memorySink());
    const abort = new AbortController();
    const started = pipeline.start({ signal: abort.signal });
    const reason = new Error('enough');
    const refused = expect(started).rejects.toBe(reason);
    abort.abort(reason);
    held.open();
    await refused;
    expect(pipeline.status().state).toBe('stopped');
    expect(source.openStreams).toBe(0);
  });

  test('D-01: a standby goes on from what the other process saved while it waited', async () => {
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    const first = createPipeline(source, memorySink(), FAST);
    await first.start();
    source.push([update(1)]);
    await first.caughtUp();
    const held = gate();
    let opens = 0;
    source.onOpen = async () => {
      opens += 1;
      if (opens === 1) await held.passed;
    };
    const sink = memorySink();
    const second = createPipeline(source, sink, FAST);
    const started = second.start();
    await expect.poll(() => opens).toBe(1);
    source.push([update(2)]);
    await first.caughtUp();
    await first.drain();
    held.open();
    await started;
    expect(opens).toBe(2);
    source.push([update(3)]);
    await second.caughtUp();
    expect(sink.effects.map((effect) => effect.lane)).toEqual(['items:{"id":3}']);
    await second.drain();
  });

  test('a finished source is drained', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = createPipeline(source, memorySink(), FAST);
    await pipeline.start();
    source.push([update(1)]);
    source.finish();
    expect(await pipeline.closed).toBeNull();
    expect(pipeline.status().state).toBe('stopped');
    expect(source.acknowledged).toBe('0000000001');
  });

  test('idle progress is acknowledged, but saved seldom', async () => {
    const time = manualTime();
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    const pipeline = createPipeline(source, memorySink(), { time });
    await pipeline.start();
    source.push([update(1)]);
    await time.advance(100);
    expect(source.acknowledged).toBe('0000000001');
    for (let n = 0; n < 20; n += 1) {
      source.idle();
      await time.advance(1_000);
    }
    expect(checkpoints.saves).toBe(1);
    await time.advance(30_000);
    expect(checkpoints.saves).toBe(2);
    expect(source.acknowledged).toBe('0000000021');
    source.idle();
    await time.advance(0);
    await pipeline.drain();
    expect(source.acknowledged).toBe('0000000022');
  });

  test('an observer that throws changes nothing', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = createPipeline(source, memorySink(), {
      ...FAST,
      onEvent: () => {
        throw new Error('observer');
      },
    });
    await pipeline.start();
    source.push([update(1)]);
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(await pipeline.closed).toBeNull();
  });

  test('I7: the source is not read beyond the limits', async () => {
    for (const limits of [{ maxInFlightItems: 10 }, { maxInFlightBytes: 1_000 }]) {
      const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: 5 });
      const held = gate();
      const sink = memorySink({ faults: () => held.passed.then(() => null) });
      const pipeline = createPipeline(source, sink, { ...FAST, limits });
      for (let n = 0; n < 100; n += 1) source.push([1, 2, 3, 4, 5].map((id) => update(n * 5 + id)));
      await pipeline.start();
      await expect.poll(() => sink.active).toBeGreaterThan(0);
      expect(pipeline.status().inFlight.items).toBeLessThanOrEqual(15);
      expect(source.pulls).toBeLessThanOrEqual(4);
      held.open();
      await pipeline.caughtUp();
      expect(sink.effects.length).toBe(500);
      await pipeline.drain();
    }
  });

  test('R-25: a transaction larger than every limit passes; its end is withheld', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: 10 });
    const sink = memorySink();
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      limits: {
        maxInFlightItems: 20,
        maxInFlightBytes: 500,
        unacknowledged: { maxEvents: 50, maxAgeMs: 1 },
      },
    });
    await pipeline.start();
    source.push([update(1)]);
    source.push(Array.from({ length: 5_000 }, (_, id) => update(id)));
    await pipeline.caughtUp();
    expect(sink.effects.length).toBe(5_001);
    expect(source.acknowledged).toBe('0000000002');
    await pipeline.drain();
  });

  test('I7: reading pauses when too much waits behind a stuck record', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: 10 });
    const held = gate();
    const sink = memorySink({
      faults: async ({ items }) => {
        if (items.some((item) => item.lane === 'items:{"id":-1}')) await held.passed;
        return null;
      },
    });
    const warned: number[] = [];
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      limits: { unacknowledged: { maxEvents: 100, warnEvents: 50, warnAgeMs: 1 } },
      onEvent: (event) => {
        if (event.type === 'unacknowledged-warned') warned.push(event.events);
      },
    });
    await pipeline.start();
    source.push([update(-1)]);
    await expect.poll(() => sink.active).toBe(1);
    for (let n = 0; n < 100; n += 1) {
      source.push(Array.from({ length: 10 }, (_, id) => update(n * 10 + id)));
    }
    await expect.poll(() => warned.length).toBe(1);
    await expect.poll(() => pipeline.status().unacknowledged.events).toBe(101);
    held.open();
    await pipeline.caughtUp();
    expect(sink.effects.length).toBe(1_001);
    await pipeline.drain();
  });

  test('I1: a letter is durable before its event is acknowledged', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const held = gate();
    deadLetters.onPark = () => held.passed;
    const error = new Error('no');
    const sink = memorySink({
      faults: ({ items }) => items.map(() => ({ type: 'rejected', error, scope: 'item' })),
    });
    const pipeline = createPipeline(source, sink, { ...FAST, onRejected: 'park' });
    await pipeline.start();
    source.push([update(1)]);
    await expect.poll(() => sink.requests.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(source.acknowledged).toBeNull();
    held.open();
    await pipeline.caughtUp();
    expect(source.acknowledged).toBe('0000000001');
    await pipeline.drain();
  });
});
