import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

const POLL = { timeout: 20_000 };
const OPTIONS = {
  tables: ['t'],
  copy: { parallel: 1, chunkRows: 500 },
  maxBufferedBytes: 65_536,
} as const;

test('a row that moves to a part that was copied already keeps its large value, which its UPDATE does not carry', async () => {
  await using it = await captured(
    [
      'CREATE TABLE t (id int PRIMARY KEY, n int, pad text, large text) WITH (autovacuum_enabled = off)',
      'ALTER TABLE t ALTER pad SET STORAGE PLAIN, ALTER large SET STORAGE EXTERNAL',
      `INSERT INTO t SELECT i, 0, repeat('p', 800), repeat('x', 3000) FROM generate_series(1, 5000) i`,
      // Room at the beginning of the table, where later versions of rows go.
      'DELETE FROM t WHERE id <= 400',
      'VACUUM t',
    ],
    OPTIONS,
  );
  const copiedWhole = new Set<unknown>();
  let after;
  {
    await using reader = await openReader(it.source);
    const parts = (): number => reader.batches.filter(({ end }) => end !== null).length;
    await expect.poll(parts, POLL).toBeGreaterThanOrEqual(2);
    reader.pause();
    after = await reader.acknowledge();
    for (const row of reader.rows) copiedWhole.add(row.key['id']);
  }
  expect(copiedWhole.has(4_950)).toBe(false);
  await it.db.query('UPDATE t SET n = 1 WHERE id > 4900');
  const moved = await it.db.query<{ n: string }>(
    `SELECT count(*)::text AS n FROM t WHERE id > 4900 AND ctid < '(50,0)'`,
  );
  expect(Number(moved[0]?.n)).toBeGreaterThan(50);
  await using reader = await openReader(sourceOf(it.db, OPTIONS), { after });
  await reader.caughtUp();
  for (const row of reader.rows) {
    if (!row.unavailable.includes('large')) copiedWhole.add(row.key['id']);
  }
  const never = Array.from({ length: 4600 }, (_, i) => i + 401).filter((id) => !copiedWhole.has(id));
  const warned = reader.sourceEvents.filter((event) => event.type === 'source-warned');
  expect({ never: never.length, warned }).toEqual({ never: 0, warned: [] });
});
