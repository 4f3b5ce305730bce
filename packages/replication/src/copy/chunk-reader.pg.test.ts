import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { copied } from '../testing/copied.ts';

describe('ChunkReader', () => {
  test('I7: the last chunk by blocks does not hold all that a table has grown by since it was described', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await db.query(`INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 100) i`);
    await using it = await copied(db, 't');
    await db.query(`INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(101, 5000) i`);
    const [leaf] = it.table.leaves;
    if (leaf === undefined) throw new Error('The table has no file.');
    const { oid, shape } = leaf;
    const chunk = await it.reader.read({
      table: it.table,
      cursor: { by: 'ctid', leaves: [{ oid, shape, ranges: [[0, null]] }] },
      where: null,
      maxRows: 10_000,
      signal: new AbortController().signal,
    });
    if ('isChanged' in chunk) throw new Error('The table has not been altered.');
    // All rows that were there, and those that found room beside them.
    expect(chunk.rows).toBeGreaterThanOrEqual(100);
    expect(chunk.rows).toBeLessThan(200);
    expect(chunk.next).toBeNull();
  });
});
