import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  memorySource,
  type MemoryChange,
  type MemoryFault,
  type MemoryItem,
  type MemorySink,
  type MemorySource,
} from '@certyo-cdc/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Verdict } from '../sink/sink.ts';
import {
  DeliveryConnectionError,
  HttpStatusError,
  RecordRejectedError,
} from '../errors/delivery-error.ts';
import { CheckpointError } from '../errors/store-error.ts';
import { createPipeline } from './create-pipeline.ts';
import type { Pipeline } from './pipeline.ts';

type FaultKind =
  | 'none'
  | 'slow'
  | 'fail'
  | 'lose-answer'
  | 'partial'
  | 'refuse-batch'
  | 'alone'
  | 'throw';

interface Plan {
  /** Lane of each change, transaction by transaction. */
  readonly transactions: readonly (readonly (number | 'truncate')[])[];
  readonly faults: readonly FaultKind[];
  /** Requests after which the process dies, life by life. */
  readonly crashes: readonly number[];
  readonly failedSaves: readonly boolean[];
  readonly poison: readonly number[];
  readonly batchItems: number;
  readonly batchEvents: number;
  readonly concurrency: number;
  readonly maxInFlightItems: number;
  /** Turns of the last life after which parked items are redriven while it runs. */
  readonly redriveAfter: number;
}

const planArbitrary: fc.Arbitrary<Plan> = fc.record({
  transactions: fc.array(
    fc.array(
      fc.oneof(
        { weight: 20, arbitrary: fc.nat(5) },
        { weight: 1, arbitrary: fc.constant('truncate' as const) },
      ),
      { minLength: 1, maxLength: 12 },
    ),
    { minLength: 1, maxLength: 20 },
  ),
  faults: fc.array(
    fc.constantFrom<FaultKind>(
      'none',
      'none',
      'slow',
      'fail',
      'lose-answer',
      'partial',
      'refuse-batch',
      'alone',
      'throw',
    ),
    { maxLength: 30 },
  ),
  crashes: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
  failedSaves: fc.array(fc.boolean(), { maxLength: 10 }),
  poison: fc.uniqueArray(fc.nat(5), { maxLength: 1 }),
  batchItems: fc.integer({ min: 1, max: 8 }),
  batchEvents: fc.integer({ min: 1, max: 6 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  maxInFlightItems: fc.integer({ min: 1, max: 20 }),
  redriveAfter: fc.nat(40),
});

const down = new DeliveryConnectionError('The other side is away.');
const refused = new HttpStatusError(400, 'Bad request.');
const rejected = new RecordRejectedError('Rejected.');

function turns(count: number): Promise<void> {
  let done = Promise.resolve();
  for (let turn = 0; turn < count; turn += 1) {
    done = done.then(() => new Promise((resolve) => setImmediate(resolve)));
  }
  return done;
}

/** Faults in the order of the requests over all lives; then none. The first item of a poisoned lane is always refused. */
function faultsOf(plan: Plan, isPoisoned: () => boolean): MemoryFault {
  let next = 0;
  const bad = new Map<string, string>();
  return async ({ apply, items }) => {
    const kind = plan.faults[next] ?? 'none';
    next += 1;
    const isBad = ({ eventId, lane }: MemoryItem): boolean => {
      if (!isPoisoned() || !plan.poison.some((id) => lane === `items:{"id":${id}}`)) return false;
      if (!bad.has(lane)) bad.set(lane, eventId);
      return bad.get(lane) === eventId;
    };
    await turns(kind === 'slow' ? 7 : 1);
    switch (kind) {
      case 'fail':
        return items.map(() => ({ type: 'retry', error: down, inDoubt: false }));
      case 'lose-answer':
        apply(items.filter((item) => !isBad(item)));
        return items.map(() => ({ type: 'retry', error: down, inDoubt: true }));
      case 'throw':
        throw down;
      case 'alone':
        return items.map(() => ({ type: 'retry', error: down, inDoubt: true, alone: true }));
      case 'refuse-batch':
        if (items.length > 1) {
          return items.map(() => ({ type: 'rejected', error: refused, scope: 'batch' }));
        }
        break;
      default:
        break;
    }
    return items.map((item, index): Verdict => {
      if (isBad(item)) return { type: 'rejected', error: rejected, scope: 'item' };
      return kind === 'partial' && index % 2 === 1
        ? { type: 'retry', error: down, inDoubt: false }
        : { type: 'delivered' };
    });
  };
}

function commit(source: MemorySource, plan: Plan): void {
  let value = 0;
  for (const lanes of plan.transactions) {
    source.push(
      lanes.map((id): MemoryChange => {
        value += 1;
        if (id === 'truncate') return { operation: 'truncate' };
        return { operation: 'update', key: { id }, after: { id, value } };
      }),
    );
  }
}

/** I1: everything at or below an acknowledged end has had its effect, or is parked. */
function assertAcknowledgedIsFinal(
  source: MemorySource,
  sink: MemorySink,
  parked: Set<string>,
): void {
  const end = source.acknowledged;
  if (end === null) return;
  expect(sink.repeats).toEqual([]);
  const final = new Set([...sink.effects.map((effect) => effect.eventId), ...parked]);
  const missing = source.committed
    .slice(0, source.eventsUpTo(end))
    .filter(({ id }) => !final.has(id));
  expect(missing.map(({ id }) => id)).toEqual([]);
}

/** I3: the first effects of each record are in commit order; a truncate divides those of its table. */
function assertOrdered(source: MemorySource, sink: MemorySink): void {
  const order = new Map(source.committed.map((event, index) => [event.id, index]));
  const last = new Map<string, number>();
  let newest = -1;
  for (const { eventId, lane, operation } of sink.effects) {
    const place = order.get(eventId) ?? -1;
    const floor = operation === 'truncate' ? newest : (last.get(lane) ?? -1);
    expect(place).toBeGreaterThan(Math.max(floor, last.get('items') ?? -1));
    last.set(lane, place);
    newest = Math.max(newest, place);
  }
}

/** One life: until so many requests were answered, then killed; or cured and to the end. */
async function live(
  pipeline: Pipeline,
  sink: MemorySink,
  crashAfter: number | null,
  cure: () => Promise<void>,
): Promise<void> {
  await pipeline.start();
  if (crashAfter === null) {
    await Promise.all([pipeline.caughtUp(), cure()]);
    return;
  }
  const until = sink.requests.length + crashAfter;
  for (let turn = 0; turn < 60 && sink.requests.length < until; turn += 1) await turns(1);
  await pipeline.stop();
}

describe('createPipeline', () => {
  test('I1, I3, I4: no fault and no crash loses, reorders or doubles a change', async () => {
    await fc.assert(
      fc.asyncProperty(planArbitrary, async (plan) => {
        const checkpoints = memoryCheckpointStore();
        const deadLetters = memoryDeadLetterStore();
        const source = memorySource({ checkpoints, deadLetters, maxBatchEvents: plan.batchEvents });
        let isPoisoned = true;
        const sink = memorySink({ faults: faultsOf(plan, () => isPoisoned) });
        const parked = (): Set<string> =>
          new Set(deadLetters.letters('memory').map((letter) => letter.eventId));
        source.onAcknowledge = (end) => {
          expect(checkpoints.peek('memory')?.checkpoint.position).toBe(end);
        };
        let saves = 0;
        checkpoints.onSave = async () => {
          saves += 1;
          await turns(1);
          if (plan.failedSaves[saves - 1] === true) {
            throw new CheckpointError('The store is away.', { retryable: true });
          }
        };
        deadLetters.onPark = () => turns(3);
        commit(source, plan);
        for (const crashAfter of [...plan.crashes, null]) {
          const pipeline = createPipeline(source, sink, {
            batch: { maxItems: plan.batchItems, lingerMs: false },
            concurrency: plan.concurrency,
            retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
            breaker: false,
            onRejected: 'park',
            limits: { maxInFlightItems: plan.maxInFlightItems },
            checkpointIntervalMs: 1,
          });
          const cure = async (): Promise<void> => {
            await turns(plan.redriveAfter);
            isPoisoned = false;
            await pipeline.redrive();
          };
          await live(pipeline, sink, crashAfter, cure);
          assertAcknowledgedIsFinal(source, sink, parked());
          expect(await Promise.race([pipeline.closed, Promise.resolve('open')])).not.toBeInstanceOf(
            Error,
          );
          if (crashAfter !== null) continue;
          await pipeline.redrive();
          expect(pipeline.status()).toMatchObject({
            blockedLanes: 0,
            unacknowledged: { events: 0, bytes: 0 },
            inFlight: { items: 0, bytes: 0 },
          });
          await pipeline.drain();
        }
        expect(sink.overlaps).toEqual([]);
        expect(sink.effects.map((effect) => effect.eventId).toSorted()).toEqual(
          source.committed.map((event) => event.id),
        );
        if (plan.poison.length === 0) assertOrdered(source, sink);
        else assertLanesOrdered(sink);
        expect(source.openStreams).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

/** I3 alone: parked items of a table are redriven after its later truncates. */
function assertLanesOrdered(sink: MemorySink): void {
  const last = new Map<string, string>();
  for (const { eventId, lane } of sink.effects) {
    expect(eventId > (last.get(lane) ?? '')).toBe(true);
    last.set(lane, eventId);
  }
}
