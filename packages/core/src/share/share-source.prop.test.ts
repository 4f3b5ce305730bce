import {
  memoryCheckpointStore,
  type MemoryCheckpointStore,
  memorySource,
  type MemorySource,
} from '@certyo-cdc/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { CheckpointStore, Position } from '../checkpoint/checkpoint.ts';
import { CheckpointError } from '../errors/store-error.ts';
import type { ChangeStream } from '../source/change-source.ts';
import { type SharedSource, shareSource } from './share-source.ts';
import { regrouped } from './testing/regrouped.ts';

const NAMES = ['a', 'b', 'c'] as const;

type Step =
  | { readonly type: 'push'; readonly events: number }
  | { readonly type: 'idle' }
  | { readonly type: 'take'; readonly consumer: number; readonly batches: number }
  | { readonly type: 'save'; readonly consumer: number }
  | { readonly type: 'acknowledge'; readonly consumer: number; readonly which: number }
  | { readonly type: 'close'; readonly consumer: number }
  | { readonly type: 'open'; readonly consumer: number }
  | { readonly type: 'crash' }
  | { readonly type: 'wait'; readonly turns: number };

interface Plan {
  readonly steps: readonly Step[];
  readonly joins: readonly boolean[];
  readonly batchEvents: number;
  readonly maxBufferBytes: number;
  readonly stallMs: number | false;
}

const consumer = fc.nat(NAMES.length - 1);

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('push'), events: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('idle') }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('take'),
      consumer,
      batches: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('save'), consumer }) },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('acknowledge'), consumer, which: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('close'), consumer }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('open'), consumer }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('crash') }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait'), turns: fc.nat(10) }) },
);

const planArbitrary: fc.Arbitrary<Plan> = fc.record({
  steps: fc.array(stepArbitrary, { minLength: 5, maxLength: 60 }),
  joins: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
  batchEvents: fc.integer({ min: 1, max: 4 }),
  maxBufferBytes: fc.constantFrom(100, 300, 1_000, 100_000),
  stallMs: fc.constantFrom<number | false>(false, 1, 20),
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A consumer across its lives. What it is given has to be what follows its saved checkpoint, each event once. */
class Consumer {
  readonly name: string;
  readonly #source: MemorySource;
  readonly #store: MemoryCheckpointStore;
  stream: ChangeStream | null = null;
  failure: { readonly error: unknown } | null = null;
  /** Ends that were given and are not acknowledged. */
  #ends: Position[] = [];
  #credits = 0;
  #received = 0;
  #reading: Promise<void> = Promise.resolve();
  #wake = (): void => {};

  constructor(name: string, source: MemorySource, store: MemoryCheckpointStore) {
    this.name = name;
    this.#source = source;
    this.#store = store;
  }

  /** How many events its saved checkpoint covers. */
  get saved(): number {
    const stored = this.#store.peek(this.name);
    return stored === null ? 0 : this.#source.eventsUpTo(stored.checkpoint.position);
  }

  get received(): number {
    return this.#received;
  }

  async open(shared: SharedSource): Promise<void> {
    if (this.stream !== null) return;
    const after = this.#store.peek(this.name)?.checkpoint ?? null;
    const { signal } = new AbortController();
    this.stream = await shared.consumer(this.name).open({ after, signal });
    this.#received = this.saved;
    this.#ends = [];
    this.#credits = 0;
    this.failure = null;
    const { stream } = this;
    this.#reading = this.#read(stream).catch((error: unknown) => {
      if (this.stream === stream) this.failure = { error };
    });
  }

  take(batches: number): void {
    this.#credits += batches;
    this.#wake();
  }

  save(which = 0): Position | null {
    const end = this.#ends.at(-1 - (which % Math.max(this.#ends.length, 1)));
    if (this.stream === null || end === undefined) return null;
    this.#store.overwrite(this.name, this.stream.checkpoint(end));
    return end;
  }

  async acknowledge(which = 0): Promise<void> {
    const end = this.save(which);
    if (end === null) return;
    this.#ends = this.#ends.slice(this.#ends.indexOf(end) + 1);
    await this.stream?.acknowledge(end);
  }

  async close(): Promise<void> {
    const { stream } = this;
    this.stream = null;
    this.#wake();
    await stream?.[Symbol.asyncDispose]();
    await this.#reading;
  }

  /** Its process is gone. */
  abandon(): void {
    const { stream } = this;
    this.stream = null;
    this.#wake();
    void (async () => stream?.[Symbol.asyncDispose]())().catch(() => {});
  }

  async #read(stream: ChangeStream): Promise<void> {
    const iterator = stream[Symbol.asyncIterator]();
    for (;;) {
      while (this.#credits === 0 && this.stream === stream) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.stream !== stream) return;
      this.#credits -= 1;
      const next = await iterator.next();
      if (next.done === true || this.stream !== stream) return;
      const { end, events } = next.value;
      const expected = this.#source.committed.slice(this.#received, this.#received + events.length);
      expect(events.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      this.#received += events.length;
      if (end === null) continue;
      expect(this.#source.eventsUpTo(end)).toBe(this.#received);
      this.#ends.push(end);
    }
  }
}

/** The share's store of one process: after a crash nothing is saved any more. */
function storeOf(store: CheckpointStore, isDead: () => boolean): CheckpointStore {
  return {
    load: (name, options) => store.load(name, options),
    save: async (name, checkpoint, options) => {
      await turns(1);
      if (isDead()) throw new CheckpointError('The process is gone.', { retryable: false });
      await store.save(name, checkpoint, options);
    },
    close: () => store.close(),
  };
}

async function runPlan(plan: Plan): Promise<void> {
  const store = memoryCheckpointStore();
  const source = memorySource({ maxBatchEvents: plan.batchEvents, checkpoints: store });
  const consumers = NAMES.map((name) => new Consumer(name, source, store));
  let joined = 0;
  let nowMs = 0;
  let life = 0;
  const share = (): SharedSource => {
    const own = (life += 1);
    return shareSource(
      regrouped(source, () => plan.joins[(joined += 1) % plan.joins.length] ?? false),
      {
        consumers: NAMES,
        checkpoints: storeOf(store, () => life !== own),
        maxBufferBytes: plan.maxBufferBytes,
        stallMs: plan.stallMs,
        // Time passes with every look at it.
        time: { now: () => (nowMs += 1), setTimeout: (call, ms) => later(call, ms) },
      },
    );
  };
  source.onAcknowledge = (end) => {
    expect(store.peek('memory')?.checkpoint.position).toBe(end);
    for (const each of consumers) {
      expect(each.saved).toBeGreaterThanOrEqual(source.eventsUpTo(end));
    }
  };
  let shared = share();
  const pending = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = (work: Promise<void>): void => {
    const tracked = work.catch((error: unknown) => {
      failures.push(error);
    });
    pending.add(tracked);
  };
  for (const step of plan.steps) {
    const each = 'consumer' in step ? consumers[step.consumer] : undefined;
    if (step.type === 'push') {
      source.push(
        Array.from({ length: step.events }, (_, id) => ({ operation: 'insert', key: { id } })),
      );
    } else if (step.type === 'idle') source.idle();
    else if (step.type === 'wait') await turns(step.turns);
    else if (step.type === 'take') each?.take(step.batches);
    else if (step.type === 'save') each?.save();
    else if (step.type === 'acknowledge') start(each?.acknowledge(step.which) ?? Promise.resolve());
    else if (step.type === 'close') await each?.close();
    else if (step.type === 'open') await each?.open(shared);
    else {
      shared = share();
      for (const one of consumers) one.abandon();
      await Promise.all(pending);
      failures.length = 0;
      await turns(20);
    }
    await turns(1);
    for (const { failure } of consumers) expect(failure).toBeNull();
  }
  await Promise.all(pending);
  expect(failures).toEqual([]);
  await Promise.all(consumers.map((each) => each.open(shared)));
  for (const each of consumers) each.take(1_000_000);
  const { signal } = new AbortController();
  await Promise.all(consumers.map(async (each) => each.stream?.caughtUp({ signal })));
  await turns(2);
  for (const each of consumers) expect(each.received).toBe(source.committed.length);
  await Promise.all(consumers.map((each) => each.acknowledge()));
  for (const each of consumers) await each.close();
  const { acknowledged } = source;
  expect(acknowledged === null ? 0 : source.eventsUpTo(acknowledged)).toBe(source.committed.length);
  expect(source.openStreams).toBe(0);
}

function later(call: () => void, ms: number): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

describe('shareSource', () => {
  test('I1, I4: pauses, closings, restarts and crashes lose, repeat and reorder nothing, for nobody', async () => {
    await fc.assert(fc.asyncProperty(planArbitrary, runPlan), { numRuns: 200, timeout: 10_000 });
  }, 240_000);
});
