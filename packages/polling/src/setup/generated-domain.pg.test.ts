import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { polled, setUp, specOf } from '../testing/setup.ts';

describe('stampTrigger', () => {
  test('I9: a generated column of a domain that is NOT NULL does not make an UPDATE fail', async () => {
    await using db = await testDatabase();
    await db.query(
      'CREATE DOMAIN whole AS int NOT NULL; CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, twice whole GENERATED ALWAYS AS (n * 2) STORED, certyo_anchor_status text)',
    );
    await setUp(db, specOf([polled('t')]));
    await db.query('INSERT INTO t VALUES (1, 1)');
    const stamp = async (): Promise<unknown> =>
      (await db.query<{ x: string }>('SELECT certyo_xid::text AS x FROM t'))[0]?.x;
    const first = await stamp();
    await db.query("UPDATE t SET certyo_anchor_status = 'sent'");
    expect(await stamp()).toBe(first);
    await db.query('UPDATE t SET n = 2');
    expect(await stamp()).not.toBe(first);
  });
});
