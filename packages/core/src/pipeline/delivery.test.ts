import {
  manualTime,
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memoryItem,
  memorySink,
  memorySource,
  type MemoryChange,
  type MemoryFault,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { DeliveryConnectionError, HttpStatusError } from '../errors/delivery-error.ts';
import { createPipeline } from './create-pipeline.ts';
import type { PipelineEvent } from './pipeline-event.ts';

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

function updates(count: number): MemoryChange[] {
  return Array.from({ length: count }, (_, id) => update(id, 1));
}

function never(): never {
  throw new Error('There is an event.');
}

describe('createPipeline, delivering', () => {
  test('a record that keeps failing does not hold the others of its request', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    let isPoisoned = true;
    const poison = 'items:{"id":3}';
    const sink = memorySink({
      faults: (request) =>
        isPoisoned && request.items.some((item) => item.lane === poison) ? fail(request) : null,
    });
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push(updates(20));
    await expect.poll(() => sink.effects.length).toBe(19);
    expect(source.acknowledged).toBeNull();
    isPoisoned = false;
    await pipeline.caughtUp();
    expect(pipeline.status().retried).toBeGreaterThan(20);
    await pipeline.drain();
  });

  test('H-02: an unconfirmed item is sent again in a request of its own', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink({
      faults: ({ items, number }) =>
        number > 1
          ? null
          : items.map((_, index) =>
              index < 2
                ? { type: 'retry', error: down, inDoubt: true, alone: true }
                : { type: 'delivered' },
            ),
    });
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push(updates(5));
    await pipeline.caughtUp();
    expect(sink.requests.map((request) => request.items.length)).toEqual([5, 1, 1]);
    expect(sink.requests.map((request) => request.attempt)).toEqual([1, 2, 2]);
    await pipeline.drain();
  });

  test('retry.maxAttempts counts failed tries, then the item counts as rejected', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const sink = memorySink({ faults: fail });
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      retry: { ...FAST.retry, maxAttempts: 4 },
      onRejected: 'park',
    });
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    expect(sink.requests.length).toBe(4);
    expect(deadLetters.letters('memory')[0]).toMatchObject({ errorCode: 'RETRIES_EXHAUSTED' });
    await pipeline.drain();
  });

  test('H-10: Retry-After holds every pipeline of the scope', async () => {
    const time = manualTime();
    const scope = `scope-${Math.random()}`;
    const error = new HttpStatusError(429, 'Slow down.');
    const first = memorySource({ name: 'first', checkpoints: memoryCheckpointStore() });
    const second = memorySource({ name: 'second', checkpoints: memoryCheckpointStore() });
    const limited = memorySink({
      scope,
      faults: ({ items, number }) =>
        number === 1
          ? items.map(() => ({ type: 'retry', error, inDoubt: false, retryAfterMs: 60_000 }))
          : null,
    });
    const other = memorySink({ scope });
    const options = { ...FAST, batch: { lingerMs: false }, time } as const;
    const pipelines = [
      createPipeline(first, limited, options),
      createPipeline(second, other, options),
    ];
    for (const pipeline of pipelines) await pipeline.start();
    first.push([update(1, 1)]);
    await expect.poll(() => limited.requests.length).toBe(1);
    second.push([update(1, 1)]);
    await time.advance(59_000);
    expect([limited.requests.length, other.requests.length]).toEqual([1, 0]);
    await time.advance(2_000);
    expect([limited.effects.length, other.effects.length]).toEqual([1, 1]);
    for (const pipeline of pipelines) await pipeline.stop();
    expect(time.pending).toBe(0);
  });

  test('H-11, H-19: ten minutes of outage cost few requests, and nothing is lost', async () => {
    const time = manualTime();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink({ faults: fail });
    const changed: string[] = [];
    const pipeline = createPipeline(source, sink, {
      time,
      random: () => 0.5,
      batch: { maxItems: 10 },
      onEvent: (event) => {
        if (event.type === 'breaker-changed') changed.push(event.to);
      },
    });
    await pipeline.start();
    source.push(updates(200));
    await time.advance(600_000);
    expect(pipeline.status().breaker).not.toBe('closed');
    expect(sink.requests.length).toBeLessThan(60);
    sink.faults = null;
    await time.advance(120_000);
    expect(sink.effects.length).toBe(200);
    expect(pipeline.status().breaker).toBe('closed');
    expect(changed).toContain('half-open');
    expect(source.acknowledged).toBe('0000000001');
    await pipeline.stop();
    expect(time.pending).toBe(0);
  });

  test('H-07: what is in doubt for longer than the window is asked about first', async () => {
    const time = manualTime();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink({
      confirms: true,
      idempotencyWindowMs: 30_000,
      faults: ({ apply, items, number }) => {
        if (number > 1) return null;
        apply(items.slice(0, 2));
        return items.map(() => ({
          type: 'retry',
          error: down,
          inDoubt: true,
          retryAfterMs: 60_000,
        }));
      },
    });
    const pipeline = createPipeline(source, sink, { ...FAST, time });
    await pipeline.start();
    source.push(updates(4));
    await time.advance(120_000);
    expect(sink.confirmed.length).toBe(4);
    expect(sink.requests.map((request) => request.items.length)).toEqual([4, 2]);
    expect(sink.effects.length).toBe(4);
    expect(source.acknowledged).toBe('0000000001');
    await pipeline.stop();
  });

  test('H-07: old events are asked about after a long pause, younger ones are not', async () => {
    const time = manualTime();
    const iso = (ageMs: number): string => new Date(time.now() - ageMs).toISOString();
    let ageMs = 90_000_000;
    const checkpoints = memoryCheckpointStore({ now: () => time.now() - 90_000_000 });
    const source = memorySource({ checkpoints, committedAt: () => iso(ageMs) });
    const sink = memorySink({ confirms: true, idempotencyWindowMs: 80_000_000 });
    source.push([update(1, 1)]);
    ageMs = 1_000;
    source.push([update(2, 1)]);
    const pipeline = createPipeline(source, sink, { ...FAST, time });
    await pipeline.start();
    await time.advance(1_000);
    expect(sink.confirmed.map((item) => item.lane)).toEqual(['items:{"id":1}']);
    expect(sink.effects.length).toBe(2);
    await pipeline.stop();
  });

  test('an event that cannot be mapped is parked as it is, and never lost', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const sink = memorySink({
      prepare: (event) => {
        if (event.id.endsWith('1')) throw new Error('canary: a row value');
        return [memoryItem(event)];
      },
    });
    const events: PipelineEvent[] = [];
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      onRejected: 'park',
      onEvent: (event) => void events.push(event),
    });
    await pipeline.start();
    const [, second] = source.push([update(1, 1), update(2, 5), update(3, 1)]);
    await pipeline.caughtUp();
    const [letter] = deadLetters.letters('memory');
    expect(letter).toMatchObject({ eventId: second?.id, errorCode: 'MAPPING_FAILED' });
    expect(letter?.errorMessage).not.toContain('canary');
    expect(JSON.parse(letter?.item ?? '{}')).toMatchObject({ after: { id: 2, value: 5 } });
    expect(sink.effects.length).toBe(2);
    expect(events).toContainEqual(expect.objectContaining({ type: 'item-rejected' }));
    expect(await pipeline.redrive()).toEqual({ delivered: 0, stillParked: 1 });
    await pipeline.drain();
  });

  test('onParkedLane "continue" sends later items of a record that has a parked one', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const error = new HttpStatusError(422, 'Unprocessable.');
    const sink = memorySink({
      faults: ({ items, number }) =>
        number === 1 ? items.map(() => ({ type: 'rejected', error, scope: 'item' })) : null,
    });
    const options = { ...FAST, onRejected: 'park', onParkedLane: 'continue' } as const;
    const pipeline = createPipeline(source, sink, options);
    await pipeline.start();
    const [first, second] = source.push([update(1, 1), update(1, 2)]);
    await pipeline.caughtUp();
    expect(sink.effects.map((effect) => effect.eventId)).toEqual([second?.id]);
    expect(deadLetters.letters('memory').map((letter) => letter.eventId)).toEqual([first?.id]);
    expect(pipeline.status().blockedLanes).toBe(0);
    expect(await pipeline.redrive({ lane: 'items:{"id":1}' })).toEqual({
      delivered: 1,
      stillParked: 0,
    });
    await pipeline.drain();
  });

  test('O-07: lanes that were parked in an earlier life stay blocked', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const signal = new AbortController().signal;
    const { item, lane } = memoryItem(
      memorySource({ name: 'earlier' }).push([update(1, 0)])[0] ?? never(),
    );
    const letter = { lane, eventId: 'old', itemIndex: 0, item: JSON.stringify(item) };
    const cause = { errorCode: 'RECORD_REJECTED', errorMessage: 'Rejected.' };
    await deadLetters.park('memory', [{ ...letter, ...cause, sentSinceMs: null }], { signal });
    const sink = memorySink();
    const pipeline = createPipeline(source, sink, { ...FAST, onRejected: 'park' });
    await pipeline.start();
    source.push([update(1, 1), update(2, 1)]);
    await pipeline.caughtUp();
    expect(sink.effects.map((effect) => effect.lane)).toEqual(['items:{"id":2}']);
    expect(await pipeline.redrive()).toEqual({ delivered: 2, stillParked: 0 });
    source.push([update(1, 2)]);
    await pipeline.caughtUp();
    expect(sink.effects.length).toBe(4);
    await pipeline.drain();
  });

  test('what is redriven does not wait for company', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const error = new HttpStatusError(422, 'Unprocessable.');
    const sink = memorySink({
      faults: ({ items, number }) =>
        number === 1 ? items.map(() => ({ type: 'rejected', error, scope: 'item' })) : null,
    });
    const batch = { lingerMs: 100_000 };
    const pipeline = createPipeline(source, sink, { ...FAST, batch, onRejected: 'park' });
    await pipeline.start();
    source.push([update(1, 1), update(1, 2), update(1, 3)]);
    await pipeline.caughtUp();
    const signal = AbortSignal.timeout(60_000);
    expect(await pipeline.redrive({ signal })).toEqual({ delivered: 3, stillParked: 0 });
    await pipeline.drain();
  });

  test('redrive heeds its signal while a letter is on its way; the letter is removed all the same', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const error = new HttpStatusError(422, 'Unprocessable.');
    let answer = (): void => {};
    const sink = memorySink({
      faults: async ({ items, number }) => {
        if (number === 1) return items.map(() => ({ type: 'rejected', error, scope: 'item' }));
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return null;
      },
    });
    const pipeline = createPipeline(source, sink, { ...FAST, onRejected: 'park' });
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    const abort = new AbortController();
    const redriven = pipeline.redrive({ signal: abort.signal });
    await expect.poll(() => sink.active).toBe(1);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(redriven).rejects.toBe(reason);
    answer();
    await pipeline.drain();
    expect(deadLetters.letters('memory')).toEqual([]);
  });

  test('I3: a letter that is parked while redrive looks is not left behind in an open lane', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const error = new HttpStatusError(422, 'Unprocessable.');
    const sink = memorySink({
      faults: ({ items, number }) =>
        number === 1 ? items.map(() => ({ type: 'rejected', error, scope: 'item' })) : null,
    });
    const pipeline = createPipeline(source, sink, { ...FAST, onRejected: 'park' });
    await pipeline.start();
    source.push([update(1, 1)]);
    await pipeline.caughtUp();
    deadLetters.onListed = async (letters) => {
      if (letters.length > 0) return;
      deadLetters.onListed = null;
      source.push([update(1, 2)]);
      await pipeline.caughtUp();
    };
    expect(await pipeline.redrive()).toEqual({ delivered: 2, stillParked: 0 });
    expect(sink.effects.map((effect) => effect.eventId)).toEqual(
      source.committed.map((event) => event.id),
    );
    await pipeline.drain();
  });

  test('an event that cannot be mapped halts by default', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink({
      prepare: () => {
        throw new TypeError('x is undefined');
      },
    });
    const pipeline = createPipeline(source, sink, FAST);
    await pipeline.start();
    source.push([update(1, 1)]);
    expect(await pipeline.closed).toMatchObject({ code: 'MAPPING_FAILED' });
    expect(source.acknowledged).toBeNull();
  });

  test('a sink that answers too few verdicts, or throws, stops the pipeline', async () => {
    const bug = new TypeError('bug');
    const faults: readonly [MemoryFault, object][] = [
      [() => [{ type: 'delivered' }], { code: 'PIPELINE_STATE' }],
      [() => Promise.reject(bug), bug],
    ];
    for (const [fault, error] of faults) {
      const source = memorySource({ checkpoints: memoryCheckpointStore() });
      const pipeline = createPipeline(source, memorySink({ faults: fault }), FAST);
      await pipeline.start();
      source.push(updates(3));
      expect(await pipeline.closed).toMatchObject(error);
      expect(source.acknowledged).toBeNull();
    }
  });

  test('filtered and skipped events are final', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = memorySink({
      faults: ({ items }) => items.map(() => ({ type: 'skipped', reason: 'known' })),
    });
    const pipeline = createPipeline(source, sink, {
      ...FAST,
      filter: (event) => event.id.endsWith('0'),
    });
    await pipeline.start();
    source.push([update(1, 1), update(2, 1)]);
    await pipeline.caughtUp();
    expect(pipeline.status()).toMatchObject({ received: 2, delivered: 0, skipped: 2 });
    expect(source.acknowledged).toBe('0000000001');
    await pipeline.drain();
  });
});
