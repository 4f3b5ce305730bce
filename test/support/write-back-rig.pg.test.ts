import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { writeBackRig } from './write-back-rig.ts';

const servers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;

describe('writeBackRig', () => {
  test('ends what it has made when its set-up fails', async () => {
    await using database = await testDatabase();
    const before = servers();
    // There is no table of orders.
    await expect(writeBackRig(database, { capture: 'polling' })).rejects.toThrow('orders');
    await database.query('CREATE TABLE public.orders (id int PRIMARY KEY)');
    // The sink is made last.
    const sink = { mapper: 'none' as never };
    await expect(writeBackRig(database, { capture: 'polling', sink })).rejects.toThrow('mapper');
    await expect.poll(servers, { timeout: 20_000 }).toBe(before);
    await expect
      .poll(
        () =>
          database.query(
            `SELECT application_name FROM pg_stat_activity
             WHERE datname = current_database() AND application_name LIKE 'certyo-cdc%'`,
          ),
        { timeout: 20_000 },
      )
      .toEqual([]);
  });
});
