import { CdcError, type Checkpoint, createPipeline, type SourceEvent } from '@certyo-cdc/core';
import {
  faultProxy,
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  openReader,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import type { ReplicationSource } from '../replication-source.ts';
import { type Captured, captured, sourceOf } from '../testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)'];
const TAKEOVER = {
  tables: ['t'],
  takeover: { leaseMs: 4_000 },
  deadAfterMs: false,
  slotWaitMs: 60_000,
} as const;

async function withTables(): Promise<Captured> {
  const it = await captured(TABLE, TAKEOVER);
  await it.source.setup();
  return it;
}

async function walsender(it: Captured): Promise<number | null> {
  const [row] = await it.db.query<{ active_pid: number | null }>(
    'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
    [it.db.database],
  );
  return row?.active_pid ?? null;
}

/** A source whose every connection goes through a proxy that can swallow everything. */
async function behindProxy(
  it: Captured,
): Promise<{ readonly source: ReplicationSource; readonly die: () => void } & AsyncDisposable> {
  const proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
  return {
    source: sourceOf(it.db, {
      ...TAKEOVER,
      connection: it.db.url.replace(`:${it.db.port}/`, `:${proxy.port}/`),
    }),
    die: () => proxy.set({ blackhole: 'both' }),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

function codeOf(error: unknown): unknown {
  return CdcError.is(error) ? error.code : error;
}

describe('takeover', () => {
  test('R-27: a slot that is still active for an instance that died is taken over, with nothing lost', async () => {
    await using it = await withTables();
    await using machine = await behindProxy(it);
    await using dead = await openReader(machine.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await dead.caughtUp();
    const after: Checkpoint = await dead.acknowledge();
    const pid = await walsender(it);
    expect(pid).not.toBeNull();
    // Gone without a word: its connections stay open at the server, and nothing ever comes from them.
    machine.die();
    await it.db.query('INSERT INTO t VALUES (2)');
    const startedAtMs = Date.now();
    const sourceEvents: SourceEvent[] = [];
    await using second = await openReader(it.source, { after, sourceEvents });
    await second.caughtUp();
    expect(Date.now() - startedAtMs).toBeLessThan(30_000);
    expect(second.told).toEqual(['insert t {"id":2}']);
    expect(await walsender(it)).not.toBe(pid);
    expect(sourceEvents).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'SLOT_TAKEN_OVER' }),
    );
    // The one that was only cut off learns that another has gone on from its checkpoint.
    await expect
      .poll(() => dead.sourceEvents.map(({ type }) => type))
      .toContain('source-disconnected');
  });

  test('R-27: a slot that another client has is never taken', async () => {
    await using it = await withTables();
    // Reads without a lease: for the others a stranger, although it calls itself one of ours.
    const stranger = sourceOf(it.db, {
      tables: ['t'],
      connection: `${it.db.url}?application_name=certyo-cdc%200123456789abcdef`,
    });
    await using reader = await openReader(stranger);
    const pid = await walsender(it);
    const opened = openReader(sourceOf(it.db, { ...TAKEOVER, slotWaitMs: 500 }));
    expect(await opened.catch(codeOf)).toBe('SOURCE_BUSY');
    expect(await walsender(it)).toBe(pid);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}']);
    expect(reader.sourceEvents.map(({ type }) => type)).not.toContain('source-disconnected');
  });

  test('a running instance keeps its slot: the other one stands by, and goes on within seconds', async () => {
    await using it = await withTables();
    const checkpoints = memoryCheckpointStore();
    const sink = memorySink();
    const pipeline = (events: string[]) =>
      createPipeline(sourceOf(it.db, { ...TAKEOVER, slotWaitMs: false }), sink, {
        name: 'p',
        checkpoints,
        deadLetters: memoryDeadLetterStore(),
        onEvent: ({ type }) => {
          events.push(type);
        },
      });
    const first = pipeline([]);
    await first.start();
    const waiting: string[] = [];
    await using standby = pipeline(waiting);
    const started = standby.start();
    started.catch(() => undefined);
    await expect.poll(() => waiting).toContain('source-waiting');
    await it.db.query('INSERT INTO t VALUES (1)');
    await first.caughtUp();
    // Longer than a lease: it is renewed.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(standby.status().state).toBe('starting');
    await first.drain();
    const drainedAtMs = Date.now();
    await started;
    expect(Date.now() - drainedAtMs).toBeLessThan(15_000);
    await it.db.query('INSERT INTO t VALUES (2)');
    await standby.caughtUp();
    expect(sink.effects.map(({ payload }) => payload)).toEqual(['{"id":1}', '{"id":2}']);
    expect(sink.repeats).toEqual([]);
  });

  test('an instance that another one has succeeded ends with CHECKPOINT_FENCED', async () => {
    await using it = await withTables();
    await using reader = await openReader(it.source);
    await it.db.query(`UPDATE certyo.leases SET holder = 'other', token = token + 1,
      expires_at = clock_timestamp() + '1 minute'::interval`);
    expect(codeOf(await reader.ended())).toBe('CHECKPOINT_FENCED');
    expect(await walsender(it)).toBeNull();
  });

  test('without the tables of setup() the error names the SQL', async () => {
    await using it = await captured(TABLE, TAKEOVER);
    const opened = openReader(it.source);
    expect(await opened.catch(codeOf)).toBe('SOURCE_SETUP');
    await expect(opened).rejects.toThrow('CREATE TABLE IF NOT EXISTS "certyo".leases');
  });
});
