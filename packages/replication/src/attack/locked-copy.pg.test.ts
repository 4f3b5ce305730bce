import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';

const WIDE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `ALTER TABLE t ALTER v SET STORAGE EXTERNAL`,
  `INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
  'CREATE TABLE z (id int PRIMARY KEY)',
  'INSERT INTO z VALUES (1)',
];

test('a first copy that waits for a lock says so', async () => {
  await using it = await captured(WIDE, {
    tables: ['t', 'z'],
    copy: { parallel: 1 },
    maxBufferedBytes: 65_536,
  });
  await using reader = await openReader(it.source, { paused: true });
  const other = await it.db.client();
  await other.query('BEGIN; LOCK TABLE z IN ACCESS EXCLUSIVE MODE');
  reader.resume();
  await expect.poll(() => reader.rows.length, { timeout: 20_000 }).toBe(14_000);
  await it.db.query(`INSERT INTO t VALUES (0, 'changes wait too')`);
  try {
    await expect
      .poll(
        () =>
          reader.sourceEvents.filter(
            (event) =>
              event.type === 'source-waiting' ||
              (event.type === 'source-warned' && /lock|wait/i.test(event.message)),
          ).length,
        { timeout: 15_000 },
      )
      .toBeGreaterThan(0);
  } finally {
    await other.query('ROLLBACK');
  }
});

test('a backfill that waits for a lock between two chunks says so, and does not hold up the end of the stream', async () => {
  await using it = await captured(
    ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t SELECT generate_series(1, 1000)'],
    { tables: ['t'] },
  );
  await it.source.setup();
  const reader = await openReader(it.source, { paused: true });
  await it.source.backfill({ tables: ['t'], chunkRows: 10 });
  await expect.poll(() => reader.rows.length, { timeout: 20_000 }).toBe(10);
  const other = await it.db.client();
  await other.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
  reader.resume();
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%LOCK TABLE%' AND datname = current_database()`;
  await expect.poll(async () => (await it.db.query(waiting)).length, { timeout: 20_000 }).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  const told = reader.sourceEvents.filter(
    (event) =>
      event.type === 'source-waiting' ||
      (event.type === 'source-warned' && /lock|wait/i.test(event.message)),
  );
  const since = Date.now();
  const closing = reader[Symbol.asyncDispose]();
  await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, 8_000))]);
  const tookMs = Date.now() - since;
  await other.query('ROLLBACK');
  await closing;
  expect({ isClosed: tookMs < 8_000, isTold: told.length > 0 }).toEqual({
    isClosed: true,
    isTold: true,
  });
}, 60_000);
