import { openReader, startPostgres, type StreamReader } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';
import type { Backfill, BackfillStatus } from './backfill.ts';

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 500) i`,
];

/** Acknowledges, as a pipeline does, until the backfill has ended. */
async function finish(backfill: Backfill, reader: StreamReader): Promise<BackfillStatus> {
  const done = backfill.done;
  done.catch(() => undefined);
  await expect
    .poll(async () => {
      if (reader.failure !== null) throw reader.failure;
      if (reader.end !== null) await reader.acknowledge();
      return (await backfill.status()).state;
    })
    .toBe('finished');
  return done;
}

describe('backfill', () => {
  test('of a table on an idle stream, twice', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    await using reader = await openReader(it.source);
    const first = await it.source.backfill({ tables: ['t'], chunkRows: 100 });
    expect(await it.source.backfills()).toHaveLength(1);
    const status = await finish(first, reader);
    expect(status.tables).toEqual([{ table: 'public.t', rows: 500, isWhole: true }]);
    expect(reader.rows.map((row) => row.key['id'])).toEqual(
      Array.from({ length: 500 }, (_, i) => i + 1),
    );
    expect(new Set(reader.rows.map((row) => row.operation))).toEqual(new Set(['snapshot']));
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 7`);
    const second = await it.source.backfill({ tables: ['t'], where: 'id < 10' });
    await finish(second, reader);
    expect(reader.told.slice(500)).toHaveLength(10);
    expect(reader.told[500]).toBe('update t {"id":7,"v":"second"}');
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(510);
    const seventh = reader.rows.filter((row) => row.key['id'] === 7).map((row) => row.version);
    expect(seventh).toEqual([...seventh].sort());
    expect(new Set(seventh).size).toBe(3);
    expect(await it.source.backfills()).toEqual([]);
    await it.db.query('DELETE FROM t WHERE id = 8');
    await reader.caughtUp();
    expect(reader.checkpoint().state).not.toHaveProperty('copy');
  });

  test('is paused, resumed and cancelled', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    await using reader = await openReader(it.source, { paused: true });
    const backfill = await it.source.backfill({ tables: ['t'], chunkRows: 10 });
    await backfill.pause();
    await expect.poll(async () => (await backfill.status()).state).toBe('paused');
    reader.resume();
    await reader.caughtUp();
    expect(reader.rows.length).toBeLessThanOrEqual(10);
    await backfill.resume();
    await expect.poll(() => reader.rows.length).toBeGreaterThan(10);
    await backfill.cancel();
    await expect(backfill.done).rejects.toThrow('was cancelled');
    expect((await backfill.status()).state).toBe('cancelled');
    await reader.caughtUp();
  });

  test('S-06: goes on at its last chunk in the next life', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    let after;
    let before;
    {
      await using reader = await openReader(it.source, { paused: true });
      await it.source.backfill({ tables: ['t'], chunkRows: 50 });
      await expect.poll(() => reader.rows.length).toBe(50);
      before = reader.rows.length;
      after = await reader.acknowledge();
    }
    await it.db.query('DELETE FROM t WHERE id = 500');
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    const source = sourceOf(it.db, { tables: ['t'] });
    await using reader = await openReader(source, { after });
    const [backfill] = await source.backfills();
    if (backfill === undefined) throw new Error('The backfill is gone.');
    const status = await finish(backfill, reader);
    expect(status.tables[0]).toMatchObject({ isWhole: true });
    const copied = reader.rows.filter((row) => row.operation === 'snapshot');
    expect(copied.length).toBeLessThanOrEqual(500 - before + 50);
    expect(copied.map((row) => row.key['id'])).not.toContain(500);
    expect(copied.map((row) => row.key['id'])).not.toContain(1);
    expect(copied.map((row) => row.key['id'])).toContain(499);
  });

  test('S-06: one that was cancelled does not come back with a checkpoint from before', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    const backfill = await it.source.backfill({ tables: ['t'], chunkRows: 10 });
    let after;
    {
      await using reader = await openReader(it.source, { paused: true });
      await expect.poll(() => reader.rows.length).toBe(10);
      after = await reader.acknowledge();
      await backfill.cancel();
      await expect.poll(async () => (await backfill.status()).state).toBe('cancelled');
    }
    await using reader = await openReader(it.source, { after });
    // The next one comes behind it.
    const next = await it.source.backfill({ tables: ['t'], where: 'id = 1' });
    await finish(next, reader);
    expect(reader.rows).toHaveLength(1);
    expect((await backfill.status()).state).toBe('cancelled');
    expect(reader.checkpoint().state).not.toHaveProperty('copy.jobs.0');
  });

  test('S-06: one whose last chunk was saved by a life that ended then is finished by the next, on an idle database', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    const backfill = await it.source.backfill({ tables: ['t'] });
    let after;
    {
      await using reader = await openReader(it.source);
      await expect.poll(() => reader.rows.length).toBe(500);
      await expect.poll(() => reader.end).not.toBeNull();
      after = reader.checkpoint();
    }
    expect((await backfill.status()).state).toBe('running');
    await using _ = await openReader(it.source, { after });
    expect(await backfill.done).toMatchObject({ state: 'finished' });
  });

  test('S-05: keys of texts under a collation, and of several columns, in chunks of three', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (a text, b numeric, v text, PRIMARY KEY (a, b))',
        `INSERT INTO t SELECT a, b, 'x' FROM unnest(ARRAY['a', 'B', 'b', 'A', 'ä', 'z', 'a-b', 'ab', '', '''', '\\']) a, unnest(ARRAY[1, -1.50, 10]) b`,
      ],
      { tables: ['t'] },
    );
    await it.source.setup();
    await using reader = await openReader(it.source);
    await finish(await it.source.backfill({ tables: ['t'], chunkRows: 3 }), reader);
    const keys = reader.rows.map((row) => JSON.stringify(Object.values(row.key)));
    expect(keys).toHaveLength(33);
    expect(new Set(keys).size).toBe(33);
  });

  test('fails when its condition is wrong; the stream goes on', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    await using reader = await openReader(it.source);
    const backfill = await it.source.backfill({ tables: ['t'], where: 'no_such_column = 1' });
    await expect(backfill.done).rejects.toThrow('has failed');
    await it.db.query('DELETE FROM t WHERE id = 1');
    await reader.caughtUp();
    expect(reader.told).toEqual(['delete t {"id":1}']);
  });

  test('of a table that is not captured is refused', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await expect(it.source.backfill({ tables: ['other'] })).rejects.toThrow('is not captured');
    await expect(it.source.backfill({ tables: ['t'] })).rejects.toThrow('source.setup()');
  });

  test('R-28, S-04: an event that came before its row could be seen is never followed by the old row', async () => {
    // From the start: when a server that runs has taken a standby into account nobody can tell.
    await using server = await startPostgres({
      major: inject('postgresMajor'),
      settings: { synchronous_standby_names: 'nobody', synchronous_commit: 'local' },
    });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    await it.source.setup();
    await using reader = await openReader(it.source);
    const writer = await it.db.client();
    await writer.query('SET synchronous_commit = on');
    const writing = writer.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    await expect.poll(() => reader.told).toEqual(['update t {"id":1,"v":"second"}']);
    // The row cannot be seen, though its change was delivered.
    expect(await it.db.query('SELECT v FROM t WHERE id = 1')).toMatchObject([{ v: 'first' }]);
    const backfill = await it.source.backfill({ tables: ['t'] });
    await expect
      .poll(() => reader.sourceEvents.some(({ type }) => type === 'source-waiting'))
      .toBe(true);
    expect(reader.rows).toHaveLength(1);
    await server.query(`ALTER SYSTEM SET synchronous_standby_names = ''`);
    await server.query('SELECT pg_reload_conf()');
    await writing;
    await finish(backfill, reader);
    const first = reader.rows.filter((row) => row.key['id'] === 1);
    expect(first.map((row) => row.after?.['v'])).toEqual(['second', 'second']);
    expect(reader.rows).toHaveLength(501);
  });
});
