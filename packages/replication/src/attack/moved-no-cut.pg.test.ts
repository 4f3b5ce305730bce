import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';

const POLL = { timeout: 20_000 };

/** The same as moved-row, within one life: only the connection of the copy is lost. */
test('a row that moves while the first copy is cut off and goes on keeps its large value', async () => {
  await using it = await captured(
    [
      'CREATE TABLE t (id int PRIMARY KEY, n int, pad text, large text) WITH (autovacuum_enabled = off)',
      'ALTER TABLE t ALTER pad SET STORAGE PLAIN, ALTER large SET STORAGE EXTERNAL',
      `INSERT INTO t SELECT i, 0, repeat('p', 800), repeat('x', 3000) FROM generate_series(1, 5000) i`,
      'DELETE FROM t WHERE id <= 400',
      'VACUUM t',
    ],
    { tables: ['t'], copy: { parallel: 1, chunkRows: 500 }, maxBufferedBytes: 65_536 },
  );
  await using reader = await openReader(it.source, { pauseAfter: 40 });
  await expect.poll(() => reader.batches.length, POLL).toBe(40);
  const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'COPY%'`;
  await expect.poll(async () => (await it.db.query(terminate)).length, POLL).toBeGreaterThan(0);
  await it.db.query('UPDATE t SET n = 1 WHERE id > 4900');
  reader.resume();
  await reader.caughtUp();
  const whole = new Set(
    reader.rows.filter((row) => !row.unavailable.includes('large')).map((row) => row.key['id']),
  );
  expect(whole.size).toBe(4_600);
});
