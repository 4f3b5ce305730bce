import { expect, test } from 'vitest';
import { setUpLog } from './testing/set-up-log.ts';

const TABLES = ['CREATE TABLE a (id int PRIMARY KEY)', 'CREATE TABLE b (id int PRIMARY KEY)'];

test.for(['setup', 'teardown'] as const)(
  'a writer that meets a %s does not fail: no lock is held while another table is waited for',
  async (work) => {
    await using log = await setUpLog(TABLES, { tables: ['a', 'b'], doorbell: false });
    if (work === 'setup') await log.tearDown();
    const writer = await log.db.client();
    for (const [locked, written] of [
      ['b', 'a'],
      ['a', 'a'],
    ] as const) {
      await writer.query(`BEGIN; LOCK TABLE ${locked} IN ROW EXCLUSIVE MODE`);
      const working = work === 'setup' ? log.setUp() : log.tearDown();
      await expect
        .poll(
          () =>
            log.db.query('SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [
              locked,
            ]),
          {
            timeout: 60_000,
          },
        )
        .toHaveLength(1);
      await writer.query(`INSERT INTO ${written} SELECT count(*) FROM ${written}`);
      await writer.query('COMMIT');
      await working;
      if (work === 'setup') await log.tearDown();
      else await log.setUp();
    }
  },
);
