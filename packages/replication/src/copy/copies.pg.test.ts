import {
  type Checkpoint,
  createPipeline,
  type GapError,
  shareSource,
  type SourceEvent,
} from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  type MemorySink,
  openReader,
  type StreamReader,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { normalizeReplicationOptions } from '../normalize-options.ts';
import { captured, sourceOf } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';
import { GATED, gate } from '../testing/gate.ts';
import { untilVisible } from './first-copy.ts';
import { XidSnapshot } from './xid-snapshot.ts';

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 100) i`,
];
const QUICK = { checkpointIntervalMs: 10, batch: { lingerMs: 5 } } as const;

/** By key, the value that took effect last. */
function lastValues(sink: MemorySink): Map<string, unknown> {
  const last = new Map<string, unknown>();
  for (const { lane, operation, payload } of sink.effects) {
    if (operation === 'delete') last.delete(lane);
    else last.set(lane, (JSON.parse(payload) as { v?: unknown }).v);
  }
  return last;
}

describe('untilVisible', () => {
  test('S-08: nothing is read before what the snapshot shows has ended for everybody', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const writer = await it.db.client();
    await writer.query('BEGIN; DELETE FROM t WHERE id = 1');
    const { rows } = await writer.query<{ xid: string }>('SELECT txid_current()::text AS xid');
    const next = BigInt(rows[0]?.xid ?? 0) + 1n;
    // As the log has it: the transaction has committed.
    const snapshot = new XidSnapshot(`${next}:${next}:`);
    const query = async (sql: string): Promise<readonly Record<string, string | null>[]> =>
      it.db.query<Record<string, string | null>>(sql);
    const { signal } = new AbortController();
    let isOver = false;
    const waiting = untilVisible({ shows: () => Promise.resolve(snapshot) }, { query, signal });
    const over = waiting.then(() => {
      isOver = true;
    });
    for (let look = 0; look < 20; look++) await it.db.query('SELECT 1');
    expect(isOver).toBe(false);
    await writer.query('COMMIT');
    await over;
    const abort = new AbortController();
    await writer.query('BEGIN; DELETE FROM t WHERE id = 2');
    const later = new XidSnapshot('9000000000:9000000000:');
    const aborted = untilVisible(
      { shows: () => Promise.resolve(later) },
      { query, signal: abort.signal },
    );
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await writer.query('ROLLBACK');
  });
});

describe('a backfill', () => {
  test('S-06: goes on at exactly its last chunk: no row that was saved is read again, none is left out', async () => {
    const all = 2_000;
    const more = `INSERT INTO t SELECT i, 'first' FROM generate_series(101, ${all}) i`;
    await using it = await captured([...TABLE, more], { tables: ['t'] });
    await it.source.setup();
    let saved = 0;
    let at: Checkpoint | null = null;
    for (let life = 0; life < 3; life++) {
      await using reader: StreamReader = await openReader(it.source, { after: at });
      if (life === 0) await it.source.backfill({ tables: ['t'], chunkRows: 10 });
      await expect.poll(() => reader.rows.length).toBeGreaterThanOrEqual(20);
      expect(reader.rows[0]?.key['id']).toBe(saved + 1);
      // A chunk is one batch here, so that its end covers all of it.
      saved += reader.rows.length;
      at = await reader.acknowledge();
      expect(saved).toBeLessThan(all);
    }
    await using reader = await openReader(it.source, { after: at });
    const [backfill] = await it.source.backfills();
    if (backfill === undefined) throw new Error('The backfill is gone.');
    const status = await finished(backfill, reader);
    expect(status.tables).toEqual([{ table: 'public.t', rows: all, isWhole: true }]);
    expect(reader.rows.map((row) => row.key['id'])).toEqual(
      Array.from({ length: all - saved }, (_, i) => saved + i + 1),
    );
  });

  test('that was paused, or cancelled, while nobody read does not go on by itself', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    const backfill = await it.source.backfill({ tables: ['t'], chunkRows: 10 });
    let after;
    {
      await using reader = await openReader(it.source, { paused: true });
      await expect.poll(() => reader.rows.length).toBe(10);
      after = await reader.acknowledge();
    }
    await backfill.pause();
    {
      await using reader = await openReader(it.source, { after });
      await expect.poll(async () => (await backfill.status()).state).toBe('paused');
      await reader.caughtUp();
      expect(reader.rows).toEqual([]);
    }
    await backfill.cancel();
    await using reader = await openReader(it.source, { after });
    await expect(backfill.done).rejects.toThrow('was cancelled');
    expect(reader.rows).toEqual([]);
    expect(await it.source.backfills()).toEqual([]);
  });

  test('gets in while every row is changed again and again, and the stream is far behind', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    await using reader = await openReader(it.source);
    await using closed = await gate(it.db);
    const backfill = await it.source.backfill({ tables: ['t'], where: GATED, chunkRows: 50 });
    await closed.reached();
    reader.pause();
    for (let round = 0; round < 5; round++) await it.db.query(`UPDATE t SET v = 'v${round}'`);
    await closed.open();
    await it.db.query(`UPDATE t SET v = 'last' WHERE id > 1`);
    reader.resume();
    await finished(backfill, reader);
    const last = new Map(reader.rows.map((row) => [row.key['id'], row.after?.['v']]));
    expect(last.size).toBe(100);
    expect(last.get(1)).toBe('v4');
    expect(new Set([...last.values()])).toEqual(new Set(['v4', 'last']));
  });

  test('S-04: rows of a streamed transaction, and of a prepared one, that commit within the window', async () => {
    const options = { tables: ['t'], streaming: true, twoPhase: true };
    await using it = await captured([...TABLE, 'CREATE TABLE big (id int PRIMARY KEY, v text)'], {
      ...options,
      tables: ['t', 'big'],
    }).catch((error: unknown) => {
      if (String(error).includes('needs PostgreSQL'))
        return { [Symbol.asyncDispose]: () => Promise.resolve(), db: null, source: null };
      throw error;
    });
    if (it.db === null || it.source === null) return;
    await it.db.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = %L', current_database(), '64kB'); END $$`,
    );
    await it.source.setup();
    await using reader = await openReader(it.source);
    const { rows } = { rows: await it.db.query('SHOW max_prepared_transactions') };
    const canPrepare = Number(rows[0]?.['max_prepared_transactions']) > 0;
    await using closed = await gate(it.db);
    const backfill = await it.source.backfill({ tables: ['t'], where: GATED, chunkRows: 50 });
    await closed.reached();
    const large = await it.db.client();
    await large.query('BEGIN');
    await large.query(`INSERT INTO big SELECT i, repeat('x', 300) FROM generate_series(1, 2000) i`);
    await large.query(`UPDATE t SET v = 'streamed' WHERE id IN (1, 60)`);
    await large.query(`DELETE FROM t WHERE id IN (2, 61)`);
    if (canPrepare) {
      const prepared = await it.db.client();
      await prepared.query(`BEGIN; UPDATE t SET v = 'prepared' WHERE id IN (3, 62)`);
      await prepared.query(`PREPARE TRANSACTION '${it.db.database}'`);
    }
    await closed.open();
    await expect.poll(() => reader.rows.length).toBeGreaterThan(40);
    await large.query('COMMIT');
    if (canPrepare) await it.db.query(`COMMIT PREPARED '${it.db.database}'`);
    await finished(backfill, reader);
    await reader.caughtUp();
    const last = new Map(
      reader.rows
        .filter((row) => row.table.name === 't')
        .map((row) => [row.key['id'], row.after?.['v'] ?? row.operation]),
    );
    const expected = canPrepare ? 'prepared' : 'first';
    expect([1, 60, 2, 61, 3, 62, 4].map((id) => last.get(id))).toEqual([
      'streamed',
      'streamed',
      'delete',
      'delete',
      expected,
      expected,
      'first',
    ]);
  });
});

describe('recover by copy', () => {
  test('the hole is recorded before anything is copied behind it, also where a life ends in between', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    let after;
    let before = '~';
    {
      await using reader = await openReader(it.source);
      await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
      await reader.caughtUp();
      before = reader.rows.at(-1)?.version ?? '~';
      after = await reader.acknowledge();
    }
    await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
    await it.db.query(`UPDATE t SET v = 'lost' WHERE id = 2`);
    await it.db.query('DELETE FROM t WHERE id = 3');
    const gap = (await openReader(it.source, { after }).catch(
      (error: unknown) => error,
    )) as GapError;
    const recover = { gap: gap.fingerprint ?? '', by: 'copy' } as const;
    const source = sourceOf(it.db, { tables: ['t'], recover });
    {
      await using reader = await openReader(source, { after });
      await expect.poll(() => reader.end).not.toBeNull();
      const first = reader.batches[0];
      // Whatever is saved first covers the record of the hole.
      expect(first?.events.map(({ operation }) => operation)).toEqual(['gap']);
      expect(first?.end).not.toBeNull();
    }
    // Nothing was saved: the same again, with the same id of the hole.
    let saved;
    let hole;
    {
      await using reader = await openReader(source, { after, pauseAfter: 1 });
      await expect.poll(() => reader.end).not.toBeNull();
      saved = await reader.acknowledge();
      [hole] = reader.events;
    }
    expect(saved.state).toHaveProperty('copy');
    await using reader = await openReader(source, { after: saved });
    await reader.caughtUp();
    expect(hole?.operation).toBe('gap');
    expect(reader.events.filter(({ operation }) => operation === 'gap')).toEqual([]);
    const last = new Map(reader.rows.map((row) => [row.key['id'], row.after?.['v']]));
    expect(last.size).toBe(99);
    expect([1, 2, 3].map((id) => last.get(id))).toEqual(['second', 'lost', undefined]);
    for (const row of reader.rows) expect(row.version > before).toBe(true);
  });
});

describe('shareSource over a source that copies', () => {
  test('both consumers get all rows, through kills of either and of the process', async () => {
    await using it = await captured(TABLE, { tables: ['t'], copy: true });
    const store = memoryCheckpointStore();
    const options = {
      name: 'certyo',
      tables: ['t'],
      copy: { method: 'keyset', chunkRows: 5 },
      checkpoints: store,
      deadLetters: memoryDeadLetterStore(),
    } as const;
    const sinks = { a: memorySink(), b: memorySink() };
    const start = async (): Promise<{
      stop: () => Promise<void>;
      caughtUp: () => Promise<unknown>;
    }> => {
      const shared = shareSource(sourceOf(it.db, options), { consumers: ['a', 'b'], stallMs: 500 });
      const a = createPipeline(shared.consumer('a'), sinks.a, QUICK);
      const b = createPipeline(shared.consumer('b'), sinks.b, QUICK);
      await a.start();
      await b.start();
      return {
        stop: async () => void (await Promise.all([a.stop(), b.stop()])),
        caughtUp: () => Promise.all([a.caughtUp(), b.caughtUp()]),
      };
    };
    for (let life = 0; life < 4; life++) {
      const process = await start();
      await it.db.query(`UPDATE t SET v = 'life ${life}' WHERE id % 10 = ${life}`);
      const least = 20 * (life + 1);
      await expect
        .poll(() => sinks.a.effects.length + sinks.b.effects.length)
        .toBeGreaterThan(least);
      await process.stop();
      await it.db.query(`DELETE FROM t WHERE id = ${90 + life}`);
    }
    const last = await start();
    await last.caughtUp();
    const rows = await it.db.query('SELECT id, v FROM t');
    const now = new Map(rows.map((row) => [`t:{"id":${String(row['id'])}}`, row['v']]));
    for (const sink of Object.values(sinks)) expect(lastValues(sink)).toEqual(now);
    await last.stop();
  });
});

describe('the slot of a copy', () => {
  test('one that is being made by a life that was killed is waited for', async () => {
    const options = { tables: ['t'], copy: true };
    await using it = await captured(TABLE, options);
    const writer = await it.db.client();
    await writer.query('BEGIN; DELETE FROM t WHERE id = 1');
    const first = new AbortController();
    const opening = it.source.open({ after: null, signal: first.signal });
    opening.catch(() => undefined);
    const made =
      'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn IS NULL';
    await expect.poll(() => it.db.query(made, [it.db.database])).toHaveLength(1);
    const sourceEvents: SourceEvent[] = [];
    const second = openReader(sourceOf(it.db, options), { sourceEvents });
    second.catch(() => undefined);
    first.abort(new Error('killed'));
    await opening.catch(() => undefined);
    await writer.query('COMMIT');
    await using reader = await second;
    await reader.caughtUp();
    expect(new Set(reader.rows.map((row) => row.key['id'])).size).toBe(99);
  });

  test('dropped while rows are copied beside the stream: the stream stops in a gap, and says so', async () => {
    const options = { tables: ['t'], copy: { method: 'keyset', chunkRows: 10 } } as const;
    await using it = await captured(TABLE, options);
    await using reader = await openReader(it.source, { pauseAfter: 3 });
    await expect.poll(() => reader.batches.length).toBeGreaterThanOrEqual(3);
    await reader.acknowledge();
    const { slot } = normalizeReplicationOptions({
      connection: it.db.url,
      slot: it.db.database,
      tables: ['t'],
    });
    await expect
      .poll(async () => {
        await it.db.query(
          'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
          [slot],
        );
        return it.db.query('SELECT pg_drop_replication_slot($1)', [slot]).then(
          () => 'dropped',
          (error: Error) => error.message,
        );
      })
      .toBe('dropped');
    reader.resume();
    expect(await reader.ended()).toMatchObject({ name: 'GapError', code: 'GAP_SLOT_MISSING' });
  });
});
