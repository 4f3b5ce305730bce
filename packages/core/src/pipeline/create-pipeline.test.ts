import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  memorySource,
  type MemoryChange,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { HttpStatusError, RecordRejectedError } from '../errors/delivery-error.ts';
import { GapError } from '../errors/source-error.ts';
import { CheckpointError } from '../errors/store-error.ts';
import { createPipeline } from './create-pipeline.ts';
import type { PipelineEvent } from './pipeline-event.ts';

const FAST = {
  checkpointIntervalMs: 1,
  batch: { lingerMs: 1 },
  retry: { initialDelayMs: 1, maxDelayMs: 5, budget: false },
  breaker: false,
} as const;

function update(id: number, value: number): MemoryChange {
  return { operation: 'update', key: { id }, after: { id, value } };
}

describe('createPipeline', () => {
  test('delivers everything, saves the newest end and acknowledges it', async () => {
    const checkpoints = memoryCheckpointStore();
    const source = memorySource();
    const sink = memorySink();
    const pipeline = createPipeline(source, sink, { ...FAST, checkpoints });
    await pipeline.start();
    for (let n = 0; n < 50; n += 1) source.push([update(n % 7, n), update(100 + n, n)]);
    await pipeline.caughtUp();
    expect(sink.effects.map((effect) => effect.eventId).toSorted()).toEqual(
      source.committed.map((event) => event.id),
    );
    expect(source.acknowledged).toBe('0000000050');
    expect(checkpoints.peek('memory')?.checkpoint.position).toBe('0000000050');
    expect(pipeline.status()).toMatchObject({
      state: 'running',
      received: 100,
      delivered: 100,
      unacknowledged: { events: 0, bytes: 0, ageMs: 0 },
      inFlight: { items: 0, bytes: 0 },
      position: '0000000050',
    });
    await pipeline.drain();
    expect(pipeline.status().state).toBe('stopped');
    expect(sink.isClosed).toBe(true);
    expect(source.openStreams).toBe(0);
    expect(await pipeline.closed).toBeNull();
  });

  test('I1: an item that is not final withholds every end at or above it', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    let letThrough = (): void => {};
    const held = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    const sink = memorySink({
      faults: async (request) => {
        if (request.items.some((item) => item.lane === 'items:{"id":1}')) await held;
        return null;
      },
    });
    const pipeline = createPipeline(source, sink, { ...FAST, batch: { lingerMs: false } });
    await pipeline.start();
    source.push([update(0, 0)]);
    await pipeline.caughtUp();
    source.push([update(1, 1)]);
    await expect.poll(() => sink.requests.length).toBe(2);
    source.push([update(2, 2)]);
    await expect.poll(() => sink.effects.length).toBe(2);
    expect(source.acknowledged).toBe('0000000001');
    letThrough();
    await pipeline.caughtUp();
    expect(source.acknowledged).toBe('0000000003');
    await pipeline.stop();
  });

  test('I1: nothing is acknowledged before the checkpoint is saved', async () => {
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    let failures = 3;
    checkpoints.onSave = () => {
      expect(source.acknowledged).toBeNull();
      failures -= 1;
      if (failures >= 0) throw new CheckpointError('The store is away.', { retryable: true });
    };
    source.onAcknowledge = (end) => {
      expect(checkpoints.peek('memory')?.checkpoint.position).toBe(end);
    };
    const pipeline = createPipeline(source, memorySink(), FAST);
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    expect(failures).toBe(-1);
    await pipeline.drain();
  });

  test('a repeated save after a lost answer succeeds', async () => {
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    checkpoints.onSaved = () => {
      checkpoints.onSaved = null;
      throw new CheckpointError('The answer is lost.', { retryable: true });
    };
    const pipeline = createPipeline(source, memorySink(), FAST);
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    source.push([update(1, 2)]);
    await pipeline.caughtUp();
    expect(checkpoints.saves).toBe(2);
    await pipeline.drain();
  });

  test('D-02: a checkpoint that somebody else has saved stops the pipeline', async () => {
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    const pipeline = createPipeline(source, memorySink(), FAST);
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    const stored = checkpoints.peek('memory');
    if (stored !== null) checkpoints.overwrite('memory', stored.checkpoint);
    source.push([update(1, 2)]);
    expect(await pipeline.closed).toMatchObject({ code: 'CHECKPOINT_FENCED' });
    expect(pipeline.status().state).toBe('failed');
    expect(source.acknowledged).toBe('0000000001');
  });

  test('H-14: halt stops the pipeline with everything kept', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const error = new HttpStatusError(401, 'The API refused the key.');
    const sink = memorySink({ faults: ({ items }) => items.map(() => ({ type: 'halt', error })) });
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push([update(1, 1)]);
    expect(await pipeline.closed).toBe(error);
    expect(pipeline.status()).toMatchObject({ state: 'failed', error });
    expect(source.acknowledged).toBeNull();
    await expect(pipeline.drain()).rejects.toBe(error);
    await pipeline.stop();
    await pipeline[Symbol.asyncDispose]();
  });

  test('I9: a gap of the source leads to state gap', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = createPipeline(source, memorySink(), FAST);
    await pipeline.start();
    const gap = new GapError('GAP_SLOT_LOST', 'The slot is gone.');
    source.fail(gap);
    expect(await pipeline.closed).toBe(gap);
    expect(pipeline.status().state).toBe('gap');
  });

  test('H-05: counts what the other side says it had before', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink({
      faults: ({ items }) =>
        items.map((item) => ({ type: 'delivered', replayed: item.lane === 'items:{"id":1}' })),
    });
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push([update(1, 0), update(2, 0), update(3, 0)]);
    await pipeline.caughtUp();
    expect(pipeline.status()).toMatchObject({ delivered: 3, replayed: 1 });
    await pipeline.stop();
  });

  test('I3, O-07: later items of a parked record wait behind it and are redriven in order', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const error = new RecordRejectedError('The API rejected a record.');
    const sink = memorySink({
      faults: ({ items }) =>
        items.map((item) =>
          item.lane === 'items:{"id":1}'
            ? { type: 'rejected', error, scope: 'item' }
            : { type: 'delivered' },
        ),
    });
    const events: PipelineEvent[] = [];
    const onEvent = (event: PipelineEvent): void => void events.push(event);
    const options = { ...FAST, onRejected: 'park', onEvent } as const;
    const pipeline = createPipeline(source, sink, options);
    await pipeline.start();
    for (let n = 0; n < 5; n += 1) source.push([update(1, n), update(2, n)]);
    await pipeline.caughtUp();
    expect(source.acknowledged).toBe('0000000005');
    expect(pipeline.status()).toMatchObject({ parked: 5, blockedLanes: 1 });
    expect(deadLetters.letters('memory').map((letter) => letter.errorCode)).toEqual([
      'RECORD_REJECTED',
      ...Array.from({ length: 4 }, () => 'LANE_BLOCKED'),
    ]);
    expect(await pipeline.redrive()).toEqual({ delivered: 0, stillParked: 5 });
    sink.faults = null;
    expect(await pipeline.redrive()).toEqual({ delivered: 5, stillParked: 0 });
    expect(pipeline.status().blockedLanes).toBe(0);
    const lane = sink.effects.filter((effect) => effect.lane === 'items:{"id":1}');
    expect(lane.map((effect) => effect.payload)).toEqual(
      [0, 1, 2, 3, 4].map((value) => `{"id":1,"value":${value}}`),
    );
    expect(events.filter((event) => event.type === 'item-parked').length).toBe(5);
    await pipeline.drain();
  });

  test('H-13: a poison record in a refused request is found by bisecting', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({
      checkpoints: memoryCheckpointStore(),
      deadLetters,
      maxBatchEvents: 2000,
    });
    const error = new HttpStatusError(400, 'Bad request.');
    const poison = 'items:{"id":617}';
    const sink = memorySink({
      faults: ({ items }) =>
        items.some((item) => item.lane === poison)
          ? items.map(() => ({ type: 'rejected', error, scope: 'batch' }))
          : null,
    });
    const options = { ...FAST, batch: { maxItems: 1000 }, onRejected: 'park' } as const;
    const pipeline = createPipeline(source, sink, options);
    await pipeline.start();
    source.push(Array.from({ length: 1000 }, (_, id) => update(id, 1)));
    await pipeline.caughtUp();
    expect(deadLetters.letters('memory').map((letter) => letter.lane)).toEqual([poison]);
    expect(sink.effects.length).toBe(999);
    expect(sink.requests.length).toBeLessThanOrEqual(2 * Math.log2(1000) + 1);
    await pipeline.drain();
  });

  test('a truncate waits for earlier items of its table, and later ones wait for it', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink();
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push([
      update(1, 1),
      update(2, 1),
      { operation: 'truncate' },
      update(3, 1),
      update(1, 2),
    ]);
    await pipeline.caughtUp();
    const operations = sink.effects.map((effect) => effect.operation);
    expect(operations).toEqual(['update', 'update', 'truncate', 'update', 'update']);
    expect(sink.requests.map((request) => request.items.length)).toEqual([2, 1, 2]);
    await pipeline.drain();
  });

  test('a gap waits for everything before it, whatever its table, and everything later for it', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink();
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push([
      update(1, 1),
      { operation: 'update', table: 'others', key: { id: 2 } },
      { operation: 'gap', code: 'GAP_SLOT_AHEAD' },
      { operation: 'update', table: 'others', key: { id: 2 } },
      update(3, 1),
    ]);
    await pipeline.caughtUp();
    const operations = sink.effects.map((effect) => effect.operation);
    expect(operations).toEqual(['update', 'update', 'gap', 'update', 'update']);
    expect(sink.requests.map((request) => request.items.length)).toEqual([2, 1, 2]);
    await pipeline.drain();
  });
});
