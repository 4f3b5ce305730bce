import { createPipeline, type Pipeline, shareSource, type SharedSource } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  type MemoryCheckpointStore,
  memorySink,
  type MemorySink,
  type TestDatabase,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)'];
const QUICK = {
  checkpointIntervalMs: 10,
  batch: { lingerMs: 5 },
  retry: { initialDelayMs: 5, maxDelayMs: 50, budget: false },
  breaker: false,
} as const;

/** A process: a share over the slot, and its pipelines into sinks that outlive it. */
function processOf(
  db: TestDatabase,
  store: MemoryCheckpointStore,
  consumers: readonly string[] = ['a', 'b'],
  stallMs: number = 500,
): {
  readonly shared: SharedSource;
  readonly pipeline: (name: string, sink: MemorySink) => Pipeline;
} {
  const source = sourceOf(db, {
    name: 'certyo',
    tables: ['t'],
    checkpoints: store,
    deadLetters: memoryDeadLetterStore(),
  });
  const shared = shareSource(source, { consumers, maxBufferBytes: 100_000, stallMs });
  return {
    shared,
    pipeline: (name, sink) => createPipeline(shared.consumer(name), sink, QUICK),
  };
}

async function confirmed(db: TestDatabase): Promise<string> {
  const [row] = await db.query<{ lsn: string }>(
    'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
    [db.database],
  );
  return row?.lsn ?? '';
}

/** Ends the walsender of the slot. */
async function cut(db: TestDatabase): Promise<void> {
  await db.query(
    'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
    [db.database],
  );
}

/** What took effect at a sink of the rows, in order of id and version. */
function effectsOf(sink: MemorySink): readonly string[] {
  return sink.effects.map(({ lane, operation, payload }) => `${lane} ${operation} ${payload}`);
}

describe('shareSource over a slot', () => {
  test('two pipelines get everything through kills of either and of the connection, each effect once and in order', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const { db } = it;
    const store = memoryCheckpointStore();
    const sinks = { a: memorySink(), b: memorySink() };
    let written = 0;
    const write = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        written += 1;
        await db.query(
          `INSERT INTO t SELECT g, ${written} FROM generate_series(1, 5) g
             ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
        );
      }
    };
    let life = processOf(db, store);
    let a = life.pipeline('a', sinks.a);
    let b = life.pipeline('b', sinks.b);
    await a.start();
    await write(20);
    await b.start();
    for (let round = 0; round < 6; round++) {
      await write(10);
      if (round % 3 === 0) {
        // One of the two ends in the middle; the other one goes on.
        await a.stop();
        await write(10);
        await b.caughtUp();
        expect(b.status().state).toBe('running');
        a = life.pipeline('a', sinks.a);
        await a.start();
      } else if (round % 3 === 1) {
        await cut(db);
      } else {
        // The process goes.
        await Promise.all([a.stop(), b.stop()]);
        await write(10);
        life = processOf(db, store);
        a = life.pipeline('a', sinks.a);
        b = life.pipeline('b', sinks.b);
        await Promise.all([b.start(), a.start()]);
      }
    }
    await Promise.all([a.caughtUp(), b.caughtUp()]);
    await Promise.all([a.drain(), b.drain()]);
    for (const sink of Object.values(sinks)) {
      expect(sink.overlaps).toEqual([]);
      expect(sink.effects).toHaveLength(5 * written);
      expect(sink.repeats).toEqual([]);
      for (const id of [1, 5]) {
        const values = sink.effects
          .filter(({ lane }) => lane === `t:{"id":${id}}`)
          .map(({ payload }) => (JSON.parse(payload) as { v: number }).v);
        expect(values).toEqual(Array.from({ length: written }, (_, n) => n + 1));
      }
    }
    expect(effectsOf(sinks.a).toSorted()).toEqual(effectsOf(sinks.b).toSorted());
  });

  test('I1: the slot is confirmed as far as the slowest has acknowledged; one that is not started holds it', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const { db } = it;
    const store = memoryCheckpointStore();
    const life = processOf(db, store);
    const began = await confirmed(db);
    const sinks = { a: memorySink(), b: memorySink() };
    const a = life.pipeline('a', sinks.a);
    await a.start();
    await db.query('INSERT INTO t VALUES (1, 1), (2, 1)');
    await a.caughtUp();
    expect(sinks.a.effects).toHaveLength(2);
    expect(store.peek('certyo/a')).not.toBeNull();
    expect(await confirmed(db)).toBe(began);
    const b = life.pipeline('b', sinks.b);
    await b.start();
    await b.caughtUp();
    expect(sinks.b.effects).toHaveLength(2);
    // What other tests write moves both on, one after the other.
    await expect
      .poll(async () => {
        const at = await confirmed(db);
        return at !== began && at === store.peek('certyo')?.checkpoint.position;
      })
      .toBe(true);
    // What is left behind by a process that ends is the same for both.
    await Promise.all([a.drain(), b.drain()]);
  });

  test('R-13: a consumer whose checkpoint the server does not hold is in a gap, the others go on', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const { db } = it;
    const store = memoryCheckpointStore();
    const sinks = { a: memorySink(), b: memorySink() };
    const life = processOf(db, store);
    const a = life.pipeline('a', sinks.a);
    const b = life.pipeline('b', sinks.b);
    await Promise.all([a.start(), b.start()]);
    await db.query('INSERT INTO t VALUES (1, 1)');
    await Promise.all([a.caughtUp(), b.caughtUp()]);
    await Promise.all([a.drain(), b.drain()]);
    const stored = store.peek('certyo/b');
    if (stored === null) throw new Error('Nothing was saved.');
    const ahead = { ...stored.checkpoint, position: 'FFFF/0' as typeof stored.checkpoint.position };
    store.overwrite('certyo/b', ahead);
    const next = processOf(db, store);
    const again = next.pipeline('a', sinks.a);
    await again.start();
    await expect(next.pipeline('b', sinks.b).start()).rejects.toMatchObject({
      code: 'GAP_POSITION_AHEAD',
    });
    store.overwrite('certyo/b', {
      ...stored.checkpoint,
      identity: { ...stored.checkpoint.identity, timeline: 7 },
    });
    await expect(next.pipeline('b', sinks.b).start()).rejects.toMatchObject({
      code: 'GAP_TIMELINE',
    });
    store.overwrite('certyo/b', {
      ...stored.checkpoint,
      identity: { ...stored.checkpoint.identity, slot: 'another' },
    });
    await expect(next.pipeline('b', sinks.b).start()).rejects.toMatchObject({
      code: 'GAP_CHECKPOINT_FOREIGN',
    });
    store.overwrite('certyo/b', { ...stored.checkpoint, position: '0/1' as typeof ahead.position });
    await expect(next.pipeline('b', sinks.b).start()).rejects.toMatchObject({
      code: 'GAP_CONSUMER_DETACHED',
    });
    await db.query('INSERT INTO t VALUES (2, 1)');
    await again.caughtUp();
    expect(sinks.a.effects).toHaveLength(2);
    await again.stop();
  });

  test('R-25: one that starts within a large transaction of the others gets it whole, and so do they', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const { db } = it;
    const store = memoryCheckpointStore();
    const sinks = { a: memorySink(), b: memorySink() };
    // None of them stalls, only perhaps the machine: who is taken for stalled receives what it had again.
    const life = processOf(db, store, ['a', 'b'], 600_000);
    const a = life.pipeline('a', sinks.a);
    const b = life.pipeline('b', sinks.b);
    await a.start();
    await db.query('INSERT INTO t SELECT g, 1 FROM generate_series(1, 20000) g');
    await expect.poll(() => a.status().received).toBeGreaterThan(1_000);
    await b.start();
    await Promise.all([a.caughtUp(), b.caughtUp()]);
    for (const sink of Object.values(sinks)) {
      expect(new Set(sink.effects.map(({ lane }) => lane)).size).toBe(20_000);
      expect(sink.repeats).toEqual([]);
    }
    expect(a.status().received).toBe(20_000);
    expect(b.status().received).toBe(20_000);
    await Promise.all([a.drain(), b.drain()]);
  });
});
