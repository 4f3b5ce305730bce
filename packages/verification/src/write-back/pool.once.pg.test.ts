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

describe('write-back with a pool', () => {
  test('the ledger and the rows need a connection each: where there is none to spare it says so and goes on later', async () => {
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
});
