import { faultProxy, openReader, type StreamReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';
import { GATED, gate } from '../testing/gate.ts';

const WIDE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `ALTER TABLE t ALTER v SET STORAGE EXTERNAL`,
  `INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
];
function waits(reader: StreamReader): readonly string[] {
  return reader.sourceEvents.flatMap((event) =>
    event.type === 'source-waiting' ? [event.reason] : [],
  );
}

describe('a copy that waits for a lock names who holds it', () => {
  test('a first copy', async () => {
    const options = { tables: ['t', 'z'], copy: { parallel: 1 }, maxBufferedBytes: 65_536 };
    await using it = await captured([...WIDE, 'CREATE TABLE z (id int PRIMARY KEY)'], options);
    await using reader = await openReader(it.source, { paused: true });
    const other = await it.db.client();
    const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await other.query('BEGIN; LOCK TABLE z IN ACCESS EXCLUSIVE MODE');
    reader.resume();
    await expect.poll(() => waits(reader)).toHaveLength(1);
    expect(waits(reader)[0]).toContain(`public.z by the server process ${rows[0]?.pid}`);
    await other.query('ROLLBACK');
    await reader.caughtUp();
    expect(reader.rows).toHaveLength(14_000);
  });

  test('I12: a backfill, whose stream can be closed meanwhile, and leaves nothing behind', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t SELECT generate_series(1, 1000)'],
      { tables: ['t'] },
    );
    await it.source.setup();
    await using reader = await openReader(it.source, { paused: true });
    await it.source.backfill({ tables: ['t'], chunkRows: 10 });
    await expect.poll(() => reader.rows.length).toBe(10);
    const other = await it.db.client();
    await other.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
    reader.resume();
    await expect.poll(() => waits(reader)).toHaveLength(1);
    expect(waits(reader)[0]).toContain('public.t by the server process');
    const since = Date.now();
    await reader[Symbol.asyncDispose]();
    expect(Date.now() - since).toBeLessThan(20_000);
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await expect.poll(() => it.db.query(waiting)).toEqual([]);
    await other.query('ROLLBACK');
  });
});

describe('a connection for copies', () => {
  test('I12: leaves no statement behind that goes on without a row when the stream is closed', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)'],
      { tables: ['t'] },
    );
    await it.source.setup();
    await using reader = await openReader(it.source);
    await using closed = await gate(it.db);
    await it.source.backfill({ tables: ['t'], where: GATED });
    await closed.reached();
    await reader[Symbol.asyncDispose]();
    const copying = `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%' AND datname = current_database()`;
    await expect.poll(() => it.db.query(copying)).toEqual([]);
  });

  test('R-08: one that falls silent counts as dead after deadAfterMs', async () => {
    const options = { tables: ['t'], copy: { parallel: 1 }, deadAfterMs: 1_000 } as const;
    await using it = await captured(WIDE, options);
    await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
    const url = new URL(it.db.url);
    url.hostname = proxy.host;
    url.port = String(proxy.port);
    // Only the connection that reads rows passes so much.
    proxy.cutAfter(4_000_000, { direction: 'toClient', how: 'blackhole' });
    await using reader = await openReader(sourceOf(it.db, { ...options, connection: url.href }));
    await expect.poll(() => new Set(reader.rows.map((row) => row.key['id'])).size).toBe(14_000);
  });

  test('one whose server works in silence for longer does not', async () => {
    const options = { tables: ['t'], deadAfterMs: 1_000 } as const;
    await using it = await captured(WIDE, options);
    await it.source.setup();
    await using reader = await openReader(it.source);
    const where = 'id = 1 AND (SELECT pg_sleep(4)) IS NOT NULL';
    await it.source.backfill({ tables: ['t'], where });
    await expect.poll(() => reader.rows.length).toBe(1);
    expect(reader.sourceEvents).not.toContainEqual(expect.objectContaining({ code: 'COPY_WAITS' }));
  });
});
