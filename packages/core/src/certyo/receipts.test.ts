import { hash } from 'node:crypto';

import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memoryReceiptStore,
  memorySource,
  startCertyoEmulator,
  type CertyoEmulator,
  type MemoryChange,
  type MemoryReceiptStore,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { CheckpointError, ReceiptError } from '../errors/store-error.ts';
import { createPipeline } from '../pipeline/create-pipeline.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { PipelineOptions } from '../pipeline/options.ts';
import type { PipelineEvent } from '../pipeline/pipeline-event.ts';
import { SYSTEM_TIME } from '../pipeline/time.ts';
import type { ChangeSource } from '../source/change-source.ts';
import { certyoSink } from './certyo-sink.ts';
import type { CertyoSinkOptions } from './sink-options.ts';

const FAST = {
  checkpointIntervalMs: 1,
  batch: { lingerMs: 1 },
  retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
  breaker: false,
} as const;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const away = (): ReceiptError => new ReceiptError('The store is away.', { retryable: true });

function insert(id: number, value: number = 0): MemoryChange {
  return { operation: 'insert', key: { id }, after: { id, value } };
}

function snapshot(id: number, value: number = 0): MemoryChange {
  return { operation: 'snapshot', key: { id }, after: { id, value } };
}

function join(
  source: ChangeSource,
  emulator: CertyoEmulator,
  receipts: MemoryReceiptStore,
  options: CertyoSinkOptions = {},
  more: PipelineOptions = {},
): Pipeline {
  const sink = certyoSink({ env: { ...emulator.environment }, receipts, ...options });
  return createPipeline(source, sink, { ...FAST, ...more });
}

/** As after more than a day: the API has forgotten its keys, and every mark is that much older. */
function oneDayLater(emulator: CertyoEmulator, receipts: MemoryReceiptStore): void {
  later(emulator, receipts, DAY_MS + 60_000);
}

function later(emulator: CertyoEmulator, receipts: MemoryReceiptStore, ms: number): void {
  emulator.clock.advance(ms);
  for (const [name, marks] of receipts.marks) {
    receipts.marks.set(
      name,
      marks.map((mark) => ({ ...mark, sinceMs: mark.sinceMs - ms })),
    );
  }
}

function asked(emulator: CertyoEmulator): number {
  return emulator.requests.filter(({ method }) => method === 'GET').length;
}

describe('certyoSink, keeping receipts', () => {
  test('each accepted record has one: of what was sent, and of what the API said', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    const events = source.push([insert(1), insert(2), { operation: 'truncate' }]);
    source.push([{ operation: 'delete', key: { id: 1 }, before: { id: 1, value: 0 } }]);
    await pipeline.caughtUp();
    const effects = emulator.records();
    expect(effects).toHaveLength(4);
    expect(receipts.receipts).toHaveLength(4);
    for (const effect of effects) {
      const receipt = receipts.receipts.find(
        ({ recordId, recordVersion }) =>
          recordId === effect.recordId && recordVersion === effect.recordVersion,
      );
      expect(receipt).toMatchObject({
        database: effect.database,
        collection: effect.collection,
        operationType: effect.operationType,
        payloadFingerprint: hash('sha256', effect.payload, 'hex'),
        recordHash: effect.recordHash,
        acceptedAt: effect.receivedAt,
        replayed: false,
      });
    }
    const [first] = receipts.receipts;
    expect(first).toMatchObject({
      eventId: events[0]?.id,
      table: { schema: 'public', name: 'items', columns: [{ name: 'id', type: 'text' }] },
    });
    expect(receipts.receipts.find(({ recordId }) => recordId === '$truncate')?.table).toBeNull();
    await pipeline.drain();
  });

  test('I1: nothing is acknowledged before its receipt is stored; a store that fails loses and doubles nothing', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    let failures = 3;
    const unstored: number[] = [];
    source.onAcknowledge = (end) => {
      unstored.push(source.eventsUpTo(end) - receipts.receipts.length);
    };
    receipts.onStore = () => {
      failures -= 1;
      if (failures >= 0) throw away();
    };
    receipts.onStored = () => {
      failures -= 1;
      // It is stored, and the answer is lost.
      if (failures === -2) throw away();
    };
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    for (let id = 0; id < 50; id += 1) source.push([insert(id), insert(id + 1000)]);
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(Math.max(...unstored)).toBeLessThanOrEqual(0);
    expect(receipts.receipts).toHaveLength(100);
    // What was accepted is not sent again for its receipt.
    expect(emulator.counters).toMatchObject({ effects: 100, attempts: 100 });
    expect(pipeline.status()).toMatchObject({ delivered: 100, state: 'stopped' });
  });

  test('a store that cannot work stops the pipeline with everything kept', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    receipts.onStore = () => {
      throw new ReceiptError('There is no table.', { retryable: false, remedy: 'Run setup().' });
    };
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    source.push([insert(1)]);
    expect(await pipeline.closed).toMatchObject({ code: 'RECEIPT_STORE', remedy: 'Run setup().' });
    expect(source.acknowledged).toBeNull();
    receipts.onStore = null;
    const next = join(source, emulator, receipts);
    await next.start();
    await next.caughtUp();
    await next.drain();
    expect(receipts.receipts).toHaveLength(1);
    expect(emulator.counters.effects).toBe(1);
  });

  test('H-07: a mark is stored before anything is sent, and rarely', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const effectsAtMark: number[] = [];
    let isAway = true;
    receipts.onMark = () => {
      effectsAtMark.push(emulator.counters.effects);
      if (isAway) throw away();
    };
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    source.push([insert(1)]);
    await expect.poll(() => effectsAtMark.length).toBeGreaterThan(2);
    expect(emulator.counters.attempts).toBe(0);
    isAway = false;
    for (let id = 2; id < 200; id += 1) source.push([insert(id)]);
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(new Set(effectsAtMark)).toEqual(new Set([0]));
    expect(receipts.marks.get('memory')).toHaveLength(1);
  });

  test('H-07: what may have been sent a day ago is asked about: first in the ledger, then at the API', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const checkpoints = memoryCheckpointStore();
    // The checkpoint does not move, as behind a record that is held up.
    checkpoints.onSave = () => {
      throw new CheckpointError('The store is away.', { retryable: true });
    };
    const source = memorySource({ checkpoints });
    const first = join(source, emulator, receipts);
    await first.start();
    source.push([insert(1), insert(2)]);
    await expect.poll(() => receipts.receipts.length).toBe(2);
    receipts.onStore = () => {
      throw away();
    };
    // Accepted, and it dies before the receipt is stored.
    source.push([insert(3)]);
    await expect.poll(() => emulator.counters.effects).toBe(3);
    await first.stop();
    receipts.onStore = null;
    checkpoints.onSave = null;
    // Nobody has ever sent it, long ago though it was committed.
    oneDayLater(emulator, receipts);
    source.push([insert(4)]);
    const second = join(source, emulator, receipts);
    await second.start();
    await second.caughtUp();
    await second.drain();
    expect(emulator.counters.effects).toBe(4);
    expect(receipts.receipts.map(({ recordId }) => recordId).sort()).toEqual(['1', '2', '3', '4']);
    // Record 3, and 4 because its commit time lies below the mark that was stored ahead.
    expect(asked(emulator)).toBe(2);
  });

  test('H-07: how long ago it was sent counts when it is sent again, not when it is read', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const first = join(source, emulator, receipts);
    await first.start();
    receipts.onStore = () => {
      throw away();
    };
    source.push([insert(1)]);
    await expect.poll(() => emulator.counters.effects).toBe(1);
    await first.stop();
    receipts.onStore = null;
    // Its key is known still, and the API is away until it is not.
    later(emulator, receipts, 20 * HOUR_MS);
    const outage = emulator.faults.add({ kind: 'status', status: 503, count: false });
    let aheadMs = 0;
    const time = { ...SYSTEM_TIME, now: () => Date.now() + aheadMs };
    let tries = 0;
    const onEvent = ({ type }: PipelineEvent): void => {
      if (type === 'delivery-retried') tries += 1;
    };
    const second = join(source, emulator, receipts, {}, { time, onEvent });
    await second.start();
    await expect.poll(() => tries).toBeGreaterThan(0);
    aheadMs = 5 * HOUR_MS;
    emulator.clock.advance(aheadMs);
    // None is under way that was sent before the clock was put forward.
    const before = tries;
    await expect.poll(() => tries).toBeGreaterThan(before + 1);
    await outage.remove();
    await second.caughtUp();
    await second.drain();
    expect(emulator.counters.effects).toBe(1);
    expect(receipts.receipts).toMatchObject([{ recordId: '1', replayed: true }]);
  });

  test('H-07: what was sent before receipts were kept is asked about, as without them', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const checkpoints = memoryCheckpointStore();
    const committedAt = (): string => new Date(Date.now() - 2 * DAY_MS).toISOString();
    const source = memorySource({ checkpoints, committedAt });
    const before = createPipeline(source, certyoSink({ env: { ...emulator.environment } }), FAST);
    await before.start();
    source.push([insert(1)]);
    await before.caughtUp();
    checkpoints.onSave = () => {
      throw new CheckpointError('The store is away.', { retryable: true });
    };
    source.push([insert(2)]);
    await expect.poll(() => emulator.counters.effects).toBe(2);
    await before.stop();
    checkpoints.onSave = null;
    emulator.clock.advance(DAY_MS);
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(emulator.counters.effects).toBe(2);
    expect(receipts.receipts).toMatchObject([{ recordId: '2', replayed: true }]);
  });

  test('H-07: a backlog of days that nobody has sent is sent without a question', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const committedAt = (): string => new Date(Date.now() - 3 * DAY_MS).toISOString();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), committedAt });
    source.push(Array.from({ length: 300 }, (_, id) => insert(id)));
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(emulator.counters.effects).toBe(300);
    expect(asked(emulator)).toBe(0);
  });

  test('rows that a copy finds unchanged are skipped, and only those', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const pipeline = join(source, emulator, receipts);
    await pipeline.start();
    source.push([insert(1), insert(2), insert(3)]);
    source.push([{ operation: 'delete', key: { id: 3 }, before: { id: 3, value: 0 } }]);
    await pipeline.caughtUp();
    // Unchanged, changed, deleted and there again, new.
    source.push([snapshot(1), snapshot(2, 5), snapshot(3), snapshot(4)]);
    // No copy: a change is told even where it changes nothing.
    source.push([{ operation: 'update', key: { id: 1 }, after: { id: 1, value: 0 } }]);
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(emulator.counters.effects).toBe(8);
    expect(pipeline.status()).toMatchObject({ skipped: 1, delivered: 8 });
  });

  test('H-07: what a copy finds unchanged is not asked about either', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const first = join(source, emulator, receipts);
    await first.start();
    source.push([insert(1), insert(2), insert(3)]);
    await first.caughtUp();
    await first.drain();
    oneDayLater(emulator, receipts);
    const second = join(source, emulator, receipts);
    await second.start();
    source.push([snapshot(1), snapshot(2), snapshot(3, 7)]);
    await second.caughtUp();
    await second.drain();
    expect(second.status()).toMatchObject({ skipped: 2, delivered: 1 });
    expect(asked(emulator)).toBe(1);
  });

  test('V-06: with `all`, updates that change nothing are skipped too; false skips nothing', async () => {
    for (const [skipUnchanged, effects] of [['all', 2] as const, [false, 4] as const]) {
      await using emulator = await startCertyoEmulator();
      const receipts = memoryReceiptStore();
      const source = memorySource({ checkpoints: memoryCheckpointStore() });
      const pipeline = join(source, emulator, receipts, { skipUnchanged });
      await pipeline.start();
      source.push([insert(1)]);
      source.push([{ operation: 'update', key: { id: 1 }, after: { id: 1, value: 0 } }]);
      source.push([snapshot(1)]);
      source.push([{ operation: 'update', key: { id: 1 }, after: { id: 1, value: 1 } }]);
      await pipeline.caughtUp();
      await pipeline.drain();
      expect(emulator.counters.effects).toBe(effects);
    }
  });

  test('a row that is there again after a truncate is no repeat of what was there before', async () => {
    for (const skipUnchanged of ['all', 'copies'] as const) {
      await using emulator = await startCertyoEmulator();
      const receipts = memoryReceiptStore();
      const source = memorySource({ checkpoints: memoryCheckpointStore() });
      const pipeline = join(source, emulator, receipts, { skipUnchanged });
      await pipeline.start();
      source.push([insert(1), insert(2)]);
      source.push([{ operation: 'truncate' }]);
      source.push([insert(1), snapshot(2)]);
      source.push([snapshot(1)]);
      await pipeline.caughtUp();
      await pipeline.drain();
      const ids = emulator.records().map(({ recordId }) => recordId);
      expect(ids.toSorted()).toEqual(['$truncate', '1', '1', '2', '2']);
      expect(pipeline.status()).toMatchObject({ skipped: 1 });
    }
  });

  test('a parked record gets its receipt when it is redriven, with the event that it came from', async () => {
    await using emulator = await startCertyoEmulator();
    const receipts = memoryReceiptStore();
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    emulator.faults.add({ kind: 'reject' });
    const pipeline = join(source, emulator, receipts, {}, { onRejected: 'park' });
    await pipeline.start();
    const [event] = source.push([insert(1)]);
    await pipeline.caughtUp();
    expect(receipts.receipts).toHaveLength(0);
    expect(await pipeline.redrive()).toEqual({ delivered: 1, stillParked: 0 });
    expect(receipts.receipts).toMatchObject([
      { eventId: event?.id, recordId: '1', operationType: 'insert', table: { name: 'items' } },
    ]);
    await pipeline.drain();
  });
});
