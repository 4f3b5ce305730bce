import { resolveTables, type SqlExecutor } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { readKeyedTable } from './keyed-table.ts';
import { readTombstones } from './read-tombstones.ts';

const { signal } = new AbortController();
const target = { schema: 'certyo', name: 'p' };

describe('readTombstones', () => {
  test('I3: one that was left out because its row lived is left out again, though the row goes while it is looked up', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    await setUp(db, specOf([polled('t')]));
    await db.query('INSERT INTO t VALUES (1), (2)');
    await db.query('DELETE FROM t');
    await db.query('INSERT INTO t VALUES (1)');
    const [named] = await resolveTables(session, ['t'], { signal });
    if (named === undefined) throw new Error('no table');
    const table = await readKeyedTable(session, named, ['id'], { signal });
    const options = { after: null, below: null, maxRows: 100, maxBytes: 1_000_000, signal };
    const keys = async (executor: SqlExecutor): Promise<readonly string[]> => {
      const { tombstones } = await readTombstones(executor, target, table, options);
      return tombstones.flatMap((tombstone) =>
        tombstone.kind === 'deleted' ? [tombstone.key.join()] : [],
      );
    };
    // The row of key 1 would be handed over now, with a later version than this tombstone's.
    await expect.poll(() => keys(session)).toEqual(['2']);
    let statements = 0;
    const interrupted: SqlExecutor = {
      query: async (...query: Parameters<SqlExecutor['query']>) => {
        statements += 1;
        // The page is read; whether its rows live is not known yet.
        if (statements === 2) await db.query('DELETE FROM t');
        return session.query(...query);
      },
    } as SqlExecutor;
    expect(await keys(interrupted)).toEqual(['2']);
    expect(statements).toBe(2);
    // The newer one of key 1 is what is handed over.
    await expect.poll(() => keys(session)).toEqual(['2', '1']);
  });
});
