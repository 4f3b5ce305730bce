import { testDatabase } from '@certyo-cdc/testing/vitest';
import { expect, test } from 'vitest';
import { pollingSource } from '../polling-source.ts';

test('writers that meet setup and teardown do not fail: no lock is held while another table is waited for', async () => {
  await using database = await testDatabase();
  for (const table of ['a', 'b'])
    await database.query(`CREATE TABLE ${table} (id int PRIMARY KEY)`);
  const tables = ['public.a', 'public.b'].map((table) => ({
    table,
    hardDeletes: 'tombstone' as const,
  }));
  const source = pollingSource({ connection: database.url, tables, env: {} });
  const writer = await database.client();
  const meet = async (work: () => Promise<unknown>): Promise<void> => {
    await writer.query('BEGIN; LOCK TABLE b IN ROW EXCLUSIVE MODE');
    const working = work();
    await expect
      .poll(() =>
        database.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'b'::regclass"),
      )
      .toHaveLength(1);
    await writer.query('INSERT INTO a (id) SELECT count(*) FROM a');
    await writer.query('COMMIT');
    await working;
  };
  await meet(() => source.setup());
  await meet(() => source.teardown());
});
