import { describeReceiptStore, testDatabase } from '@certyo-cdc/testing/vitest';

import { postgresReceiptStore } from './postgres-receipt-store.ts';

const { signal } = new AbortController();

describeReceiptStore('postgresReceiptStore', {
  async create() {
    const database = await testDatabase();
    const store = postgresReceiptStore({ connection: database.url });
    await store.setup({ signal });
    return {
      store,
      async count() {
        const [row] = await database.query<{ n: string }>(
          'SELECT count(*) AS n FROM certyo.receipts',
        );
        return Number(row?.n);
      },
      async [Symbol.asyncDispose]() {
        await store.close();
        await database[Symbol.asyncDispose]();
      },
    };
  },
});
