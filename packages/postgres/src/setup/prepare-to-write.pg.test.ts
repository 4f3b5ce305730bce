import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { prepareToWrite } from './prepare-to-write.ts';

describe(prepareToWrite, () => {
  test('a process that stands still within its transaction holds nobody up for long', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE state (name text PRIMARY KEY, at int)');
    await db.query(`INSERT INTO state VALUES ('p', 1)`);
    const { signal } = new AbortController();
    const session = sqlSession(resolveConnection(db.url));
    let wake = (): void => undefined;
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let hold = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      hold = resolve;
    });
    const stopped = session.transaction(
      async (executor) => {
        await prepareToWrite(executor, signal);
        await executor.query('UPDATE public.state SET at = 2', [], { signal });
        hold();
        await asleep;
      },
      { signal },
    );
    const outcome = stopped.then(
      () => 'committed',
      () => 'lost',
    );
    // Not when the server calls it idle in a transaction: that it is between its two statements as well.
    await Promise.race([held, stopped]);
    const startedAtMs = Date.now();
    await db.query('UPDATE state SET at = 3');
    expect(Date.now() - startedAtMs).toBeLessThan(30_000);
    wake();
    expect(await outcome).toBe('lost');
    expect(await db.query('SELECT at FROM state')).toEqual([{ at: 3 }]);
    await session.close();
  });
});
