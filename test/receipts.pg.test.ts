import { certyoSink, createCertyoClient, createPipeline, type Pipeline } from '@certyo-cdc/core';
import { startCertyoEmulator, type CertyoEmulator, type TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import {
  createVerifier,
  type PostgresReceiptStore,
  postgresReceiptStore,
} from '@certyo-cdc/verification';
import { describe, expect, test } from 'vitest';
import { makeSource, type Switchable, SWITCHABLE } from './switching/sources.ts';

const { signal } = new AbortController();

async function start(
  name: Switchable,
  db: TestDatabase,
  emulator: CertyoEmulator,
  receipts: PostgresReceiptStore,
  pipelineName: string,
): Promise<Pipeline> {
  const source = makeSource(name, db.url);
  await source.setup();
  const sink = certyoSink({ env: { ...emulator.environment }, receipts });
  const pipeline = createPipeline(source, sink, {
    name: pipelineName,
    checkpointIntervalMs: 10,
    batch: { lingerMs: 1 },
  });
  await pipeline.start();
  return pipeline;
}

describe('receipts in the captured database', () => {
  test.each(SWITCHABLE)(
    'I1, I10: %s: each effect has its receipt and is anchored; the ledger feeds nothing',
    async (name) => {
      await using db = await testDatabase();
      await using emulator = await startCertyoEmulator({ batchAgeMs: 100, anchorDelayMs: 50 });
      await db.query(
        'CREATE TABLE public.orders (id bigint PRIMARY KEY, note text); ALTER TABLE public.orders REPLICA IDENTITY FULL',
      );
      const receipts = postgresReceiptStore({ connection: db.url, firstLookMs: 1 });
      await receipts.setup({ signal });
      const client = createCertyoClient({ env: { ...emulator.environment } });
      const verifier = createVerifier({
        client,
        receipts,
        gatherMs: 1,
        intervalMs: 20,
        backoff: { initialMs: 20, maxMs: 100 },
        maxRequestsPerSecond: false,
      });
      const pipeline = await start(name, db, emulator, receipts, 'first');
      await verifier.start();
      try {
        await db.query(
          "INSERT INTO public.orders SELECT i, 'new' FROM generate_series(1, 200) AS i",
        );
        await db.query("UPDATE public.orders SET note = 'changed' WHERE id <= 50");
        await db.query('DELETE FROM public.orders WHERE id > 190');
        await pipeline.caughtUp();
        await expect
          .poll(() => receipts.summary({ signal }))
          .toMatchObject({ pending: 0, failed: 0 });
        // Nothing more comes of what was stored and anchored.
        await pipeline.caughtUp();
        const effects = emulator.records();
        const kept = await receipts.list({ state: 'anchored', limit: 1000, signal });
        const name_ = (each: {
          recordId: string;
          recordVersion: string;
          recordHash: string | null;
        }) => `${each.recordId} ${each.recordVersion} ${each.recordHash ?? ''}`;
        expect(kept.map(name_).sort()).toEqual(effects.map(name_).sort());
        expect(pipeline.status().received).toBe(effects.length);
        expect(kept[0]?.table?.columns).toEqual([
          { name: 'id', type: 'bigint', isKey: true },
          { name: 'note', type: 'text', isKey: false },
        ]);
        // Polling again from the beginning under another name: all rows are found, none is new.
        if (name === 'polling') {
          await pipeline.drain();
          const again = await start(name, db, emulator, receipts, 'second');
          await again.caughtUp();
          // Tombstones that were not yet removed are told again, with the keys that the API knows.
          expect(again.status().delivered).toBeLessThanOrEqual(10);
          expect(again.status().skipped).toBeGreaterThanOrEqual(190);
          await again.drain();
          expect(emulator.records()).toHaveLength(effects.length);
        }
      } finally {
        await verifier.stop();
        await pipeline.stop();
        await receipts.close();
        await client.close();
        await makeSource(name, db.url).teardown();
      }
    },
  );
});
