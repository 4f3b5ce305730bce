import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { leaseSetupSql } from './sql.ts';

describe('LeaseKeeper', () => {
  test('one that another has succeeded ends, and does not take the turn of that one', async () => {
    await using db = await testDatabase();
    for (const statement of leaseSetupSql('certyo')) await db.query(statement);
    const { signal } = new AbortController();
    const expire = (): Promise<unknown> =>
      db.query(`UPDATE certyo.leases SET expires_at = clock_timestamp() - '1 s'::interval`);
    const sessions = [1, 2].map(() => sqlSession(resolveConnection(db.url)));
    const take = async (n: number): Promise<LeaseKeeper> => {
      const [session] = sessions.slice(n, n + 1);
      if (session === undefined) throw new Error('There is no session.');
      return await LeaseKeeper.acquire(
        {
          session,
          schema: 'certyo',
          name: 'x',
          ttlMs: 600,
          waitMs: 5_000,
          work: 'read',
          onEvent: () => undefined,
        },
        { signal },
      );
    };
    try {
      const first = await take(0);
      await expire();
      const second = await take(1);
      await expect.poll(() => first.isHeld).toBe(false);
      // The second one is late for a moment: its lease has ended, and nobody else has begun.
      await expire();
      await expect.poll(() => second.isHeld).toBe(false);
      await expect(first.regain({ signal })).rejects.toMatchObject({ code: 'CHECKPOINT_FENCED' });
      await second.regain({ signal });
      expect(second.isHeld).toBe(true);
      await second.release();
      await first.release();
    } finally {
      for (const session of sessions) await session.close();
    }
  });
});
