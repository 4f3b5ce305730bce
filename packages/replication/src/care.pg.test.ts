import { faultProxy, openReader, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

describe('caughtUp', () => {
  test('resolves when idle, also many times at once and without making a storm', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    for (let i = 0; i < 5; i++) await reader.caughtUp();
    await Promise.all(Array.from({ length: 8 }, () => reader.caughtUp()));
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await Promise.all(Array.from({ length: 8 }, () => reader.caughtUp()));
    expect(reader.events).toHaveLength(1);
    expect(reader.sourceEvents.map((event) => event.type)).not.toContain('source-disconnected');
  });

  test('R-10: asking while the consumer stands still is not taken for a server that shuts down', async () => {
    await using it = await captured([...TABLE, 'CREATE TABLE u (id int)'], { tables: ['t'] });
    await using reader = await openReader(it.source, { paused: true });
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await expect.poll(() => reader.events.length).toBe(1);
    await it.db.query(`INSERT INTO u VALUES (2)`);
    const waiting = Array.from({ length: 8 }, () => reader.caughtUp());
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    reader.resume();
    await Promise.all(waiting);
    await it.db.query(`INSERT INTO t VALUES (2)`);
    await reader.caughtUp();
    expect(reader.events).toHaveLength(2);
    expect(reader.sourceEvents.map((event) => event.type)).not.toContain('source-disconnected');
  });

  test('includes commits with synchronous_commit = off', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    const writer = await it.db.client();
    await writer.query('SET synchronous_commit = off');
    for (let i = 0; i < 10; i++) {
      await writer.query('INSERT INTO t VALUES ($1)', [i]);
      await reader.caughtUp();
      expect(reader.events).toHaveLength(i + 1);
    }
  });

  test('resolves while another transaction has written half of a log record', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    const open = await it.db.client();
    await open.query('BEGIN');
    for (let i = 0; i < 6; i++) {
      // Only whole pages of the log are flushed for a transaction that goes on, and records cross pages.
      await open.query(
        `INSERT INTO t SELECT i, repeat('x', 700) FROM generate_series($1::int, $2::int) i`,
        [i * 100, i * 100 + 50 + i],
      );
      await reader.stream.caughtUp({ signal: AbortSignal.timeout(60_000) });
    }
    await open.query('ROLLBACK');
    expect(reader.events).toEqual([]);
  });

  test('rejects with the reason of its signal', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await expect.poll(() => reader.events.length).toBe(1);
    reader.pause();
    await it.db.query(`INSERT INTO t VALUES (2)`);
    const abort = new AbortController();
    const waiting = reader.stream.caughtUp({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('progress', () => {
  test('R-04: what other tables write moves the slot, and saving checkpoints feeds nothing', async () => {
    // The log is the whole server's: one of its own, or other tests would write to it, too.
    await using server = await startPostgres({ major: inject('postgresMajor') });
    const tables = [...TABLE, 'CREATE TABLE u (id int, v text)'];
    await using it = await captured(tables, { tables: ['t'] }, server);
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await it.db.query(`INSERT INTO u SELECT i, repeat('x', 900) FROM generate_series(1, 20000) i`);
    await reader.caughtUp();
    await reader.acknowledge();
    const held = async (): Promise<number> => {
      const [row] = await it.db.query<{ bytes: string }>(
        `SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn)::text AS bytes
           FROM pg_replication_slots WHERE slot_name = $1`,
        [it.db.database],
      );
      return Number(row?.bytes);
    };
    await expect.poll(held).toBeLessThan(600_000);
    expect((await reader.stream.lag()).bytes).toBeLessThan(600_000);
    expect((await reader.stream.lag()).ms).toBeNull();
    // I10: what a checkpoint writes is less than what makes a new end.
    const ends = reader.batches.filter((batch) => batch.end !== null).length;
    for (let i = 0; i < 5; i++) {
      await it.db.query(`INSERT INTO u VALUES ($1, repeat('c', 1500))`, [i]);
      await reader.caughtUp();
    }
    expect(reader.batches.filter((batch) => batch.end !== null)).toHaveLength(ends);
  });

  test('lag tells how old the oldest unacknowledged change is', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await reader.caughtUp();
    const lag = await reader.stream.lag();
    expect(lag.ms).toBeGreaterThanOrEqual(0);
    expect(lag.bytes).toBeGreaterThan(0);
    await reader.acknowledge();
    expect((await reader.stream.lag()).ms).toBeNull();
  });
});

describe('ending', () => {
  test('I12: an abort while waiting for changes ends the iteration at once with the reason', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const abort = new AbortController();
    const stream = await it.source.open({ after: null, signal: abort.signal });
    const reading = (async () => {
      // What other databases write comes as idle progress.
      for await (const batch of stream) expect(batch.events).toEqual([]);
    })();
    await stream.caughtUp({ signal: abort.signal });
    const reason = new Error('stop');
    const abortedAt = performance.now();
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
    // Nothing else would wake it for half of wal_sender_timeout.
    expect(performance.now() - abortedAt).toBeLessThan(10_000);
    await stream[Symbol.asyncDispose]();
  });

  test('I12: disposing ends both connections and a pending read, and may be repeated', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const before = process.getActiveResourcesInfo().length;
    const reader = await openReader(it.source);
    await reader.caughtUp();
    await reader[Symbol.asyncDispose]();
    await reader.stream[Symbol.asyncDispose]();
    expect(reader.failure).toBeNull();
    await expect(reader.stream.lag()).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
    await expect(
      reader.stream.caughtUp({ signal: AbortSignal.timeout(60_000) }),
    ).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
    await expect
      .poll(async () => {
        const rows = await it.db.query(
          `SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'certyo-cdc'`,
          [it.db.database],
        );
        return rows.length;
      })
      .toBe(0);
    await expect
      .poll(() => process.getActiveResourcesInfo().length)
      .toBeLessThanOrEqual(before + 1);
  });

  test('I12: disposing ends although the network has gone silent', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const source = sourceOf(it.db, {
      tables: ['t'],
      connection: it.db.url.replace(`:${it.db.port}/`, `:${proxy.port}/`),
    });
    const reader = await openReader(source);
    await reader.caughtUp();
    proxy.set({ blackhole: 'both' });
    const startedAt = Date.now();
    await reader[Symbol.asyncDispose]();
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    expect(reader.failure).toBeNull();
  });

  test('an abort before the start rejects with the reason', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const reason = new Error('never');
    await expect(it.source.open({ after: null, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
});
