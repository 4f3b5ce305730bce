import type { PoolClientLike, PoolLike } from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { writtenBack } from '../testing/written-back.ts';
import { createWriteBack } from './create-write-back.ts';

/** A pool of so many connections; who finds none waits, as with node-postgres. */
function smallPool(database: TestDatabase, size: number): PoolLike {
  const waiting: (() => void)[] = [];
  let free = size;
  return {
    async connect(): Promise<PoolClientLike> {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      else free -= 1;
      const client = await database.client();
      return {
        query: (config) => client.query(config),
        release: () => {
          void client.end();
          const next = waiting.shift();
          if (next === undefined) free += 1;
          else next();
        },
        on: (event, listener) => client.on(event, listener),
        removeListener: (event, listener) => client.removeListener(event, listener),
      };
    },
    on() {},
    removeListener() {},
  };
}

describe('the two sessions of write-back', () => {
  test('of a pool they need a connection each: where there is none to spare it says so and goes on later', async () => {
    await using it = await writtenBack();
    const owner = await it.make();
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    await it.queue(owner);
    for (const [size, outcome] of [
      [1, { code: 'WRITE_BACK', retryable: true }],
      [2, { written: 1 }],
    ] as const) {
      const pool = smallPool(it.database, size);
      const receipts = postgresReceiptStore({ pool });
      await using writeBack = createWriteBack({
        receipts,
        pool,
        into: 'both',
        tables: ['public.items'],
        source: 'replication',
      });
      const round: unknown = await writeBack.runOnce().catch((error: unknown) => error);
      expect(round).toMatchObject(outcome);
    }
  });

  test('V-10: while a lock is waited for, the session of the ledger stands still for as long', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make({ lockTimeoutMs: 7_000 });
    await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    await it.queue(writeBack);
    const client = await it.database.client();
    await client.query('BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
    expect(await writeBack.runOnce()).toMatchObject({ busy: 1 });
    await client.query('COMMIT');
    expect(await it.statuses()).toEqual({ 1: 'pending' });
    await expect(it.make({ lockTimeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
