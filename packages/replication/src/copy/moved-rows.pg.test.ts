import { openReader, type TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, sourceOf } from '../testing/captured.ts';
import { type FirstPart, readFirstPart } from '../testing/first-part.ts';

const OPTIONS = {
  tables: ['t'],
  copy: { parallel: 1, chunkRows: 500 },
  maxBufferedBytes: 65_536,
} as const;
/** A table of large values, with room at its beginning, where later versions of rows go. */
const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, n int, pad text, large text) WITH (autovacuum_enabled = off)',
  'ALTER TABLE t ALTER pad SET STORAGE PLAIN, ALTER large SET STORAGE EXTERNAL',
  `INSERT INTO t SELECT i, 0, repeat('p', 800), repeat('x', 3000) FROM generate_series(1, 5000) i`,
  'DELETE FROM t WHERE id <= 400',
];
const ROWS = 4_600;

async function capturedTable(options: Parameters<typeof captured>[1]): Promise<Captured> {
  const it = await captured(TABLE, options);
  // Others on the server may hold up what vacuum does.
  const isVacuumed = `SELECT 1 FROM pg_class WHERE oid = 't'::regclass AND relallvisible = relpages`;
  await expect
    .poll(async () => {
      await it.db.query('VACUUM t');
      return it.db.query(isVacuumed);
    })
    .toHaveLength(1);
  return it;
}

/** Changes the last rows, which are not copied, without their large values. */
async function moveRows(db: TestDatabase): Promise<void> {
  await db.query('UPDATE t SET n = 1 WHERE id > 4900');
  const moved = await db.query(`SELECT 1 FROM t WHERE id > 4900 AND ctid < '(50,0)'`);
  expect(moved.length).toBeGreaterThan(50);
}

/** Keys of the rows whose large value was handed over. */
function whole(...readers: readonly Pick<FirstPart, 'rows'>[]): Set<unknown> {
  const rows = readers.flatMap((reader) => reader.rows);
  return new Set(
    rows.filter((row) => !row.unavailable.includes('large')).map((row) => row.key['id']),
  );
}

describe('a row that moves to a part that was copied already keeps its large value, which its change does not tell', () => {
  test('S-06: when a later life goes on, which reads no more than it has to', async () => {
    await using it = await capturedTable(OPTIONS);
    const before = await readFirstPart(it.source);
    expect(whole(before)).not.toContain(4_950);
    await moveRows(it.db);
    await using second = await openReader(sourceOf(it.db, OPTIONS), { after: before.after });
    await second.caughtUp();
    expect(whole(before, second).size).toBe(ROWS);
    const copied = second.rows.filter((row) => row.operation === 'snapshot');
    expect(copied.length).toBeLessThan(ROWS - whole(before).size + 500);
  });

  test('when its key changes, in a copy by key', async () => {
    const options = { ...OPTIONS, copy: { method: 'keyset', chunkRows: 2_000 } } as const;
    await using it = await capturedTable(options);
    await using reader = await openReader(it.source, { paused: true });
    await expect.poll(() => reader.rows.length).toBeGreaterThan(0);
    await it.db.query('UPDATE t SET id = id - 4900 WHERE id > 4900');
    reader.resume();
    await reader.caughtUp();
    const expected = Array.from({ length: ROWS }, (_, i) => (i < 100 ? i + 1 : i + 301));
    const found = whole(reader);
    expect(expected.filter((id) => !found.has(id))).toEqual([]);
  });

  test('S-02: when the copy goes on beside the stream after its connection was lost', async () => {
    await using it = await capturedTable(OPTIONS);
    await using reader = await openReader(it.source, { pauseAfter: 40 });
    await expect.poll(() => reader.batches.length).toBeGreaterThanOrEqual(40);
    const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'COPY%'`;
    await expect.poll(async () => (await it.db.query(terminate)).length).toBeGreaterThan(0);
    await moveRows(it.db);
    reader.resume();
    await reader.caughtUp();
    expect(whole(reader).size).toBe(ROWS);
  });
});
