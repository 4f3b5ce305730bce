import {
  certyoSink,
  type ChangeEvent,
  type CheckpointStore,
  createCertyoClient,
  createPipeline,
  type CertyoClient,
  type EventCounts,
  type Pipeline,
  type PipelineOptions,
} from '@certyo-cdc/core';
import { postgresCheckpointStore } from '@certyo-cdc/postgres';
import {
  memorySource,
  startCertyoEmulator,
  type CertyoEmulator,
  type CertyoEmulatorOptions,
  type MemoryChange,
  type MemorySource,
} from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';

import {
  type PostgresReceiptStore,
  postgresReceiptStore,
} from '../receipts/postgres-receipt-store.ts';
import { createVerifier } from '../verifier/create-verifier.ts';
import { createWindowAnchoring } from '../windows/create-window-anchoring.ts';
import type { PostgresWindowStoreOptions } from '../windows/options.ts';
import { type PostgresWindowStore, postgresWindowStore } from '../windows/postgres-window-store.ts';
import type { StoredWindow } from '../windows/window.ts';

const { signal } = new AbortController();

/** The name of the pipeline. */
export const SHOP = 'shop';

/** An emulator, a ledger, windows, and a pipeline over a source in memory whose checkpoints are in PostgreSQL. */
export interface WindowRig extends AsyncDisposable {
  readonly database: Awaited<ReturnType<typeof testDatabase>>;
  readonly emulator: CertyoEmulator;
  readonly client: CertyoClient;
  readonly receipts: PostgresReceiptStore;
  readonly windows: PostgresWindowStore;
  readonly checkpoints: CheckpointStore;
  readonly source: MemorySource;
  /** A pipeline that is started. */
  start(options?: PipelineOptions): Promise<Pipeline>;
  /** Closes `count` windows of three events each, and leaves no pipeline behind. */
  fill(count: number): Promise<void>;
  /** Sends closed windows until all have receipts. */
  anchorWindows(): Promise<void>;
  /** Lets Certyo anchor everything, and the ledger know it. */
  anchorAll(): Promise<void>;
  list(): Promise<readonly StoredWindow[]>;
}

export async function windowRig(
  options: PostgresWindowStoreOptions = {},
  emulated: CertyoEmulatorOptions = {},
): Promise<WindowRig> {
  const emulator = await startCertyoEmulator(emulated);
  const database = await testDatabase();
  const connection = database.url;
  const receipts = postgresReceiptStore({ connection, firstLookMs: 1 });
  await receipts.setup({ signal });
  const windows = postgresWindowStore({ connection, ...options });
  await windows.setup({ signal });
  const checkpoints = postgresCheckpointStore({ connection });
  await checkpoints.setup({ signal });
  const client = createCertyoClient({ env: { ...emulator.environment } });
  const source = memorySource({ name: SHOP, maxBatchEvents: 5 });
  const start: WindowRig['start'] = async (more = {}) => {
    const pipeline = createPipeline(source, certyoSink({ client, receipts }), {
      batch: { lingerMs: 1 },
      checkpoints,
      checkpointIntervalMs: 1,
      retry: { initialDelayMs: 1, maxDelayMs: 5, budget: false },
      breaker: false,
      windows,
      ...more,
    });
    await pipeline.start();
    return pipeline;
  };
  let next = 0;
  return {
    database,
    emulator,
    client,
    receipts,
    windows,
    checkpoints,
    source,
    start,
    async fill(count) {
      const pipeline = await start();
      for (let window = 0; window < count; window += 1) {
        source.push(
          Array.from({ length: 3 }, () => {
            next += 1;
            return row('insert', next);
          }),
        );
        await pipeline.caughtUp();
        await windows.closeNow(SHOP, { signal });
      }
      await pipeline.drain();
    },
    async anchorWindows() {
      const anchoring = createWindowAnchoring({
        windows,
        receipts,
        client,
        pipeline: SHOP,
        intervalMs: 10,
      });
      await anchoring.start();
      await anchoring.caughtUp();
      await anchoring.drain();
    },
    async anchorAll() {
      emulator.clock.advance(61_000);
      emulator.clock.advance(16_000);
      await database.query(
        "UPDATE certyo.receipts SET due_at = now() - interval '1 s' WHERE state = 'pending'",
      );
      const verifier = createVerifier({
        client,
        receipts,
        gatherMs: 1,
        maxRequestsPerSecond: false,
      });
      await verifier.runOnce();
      await verifier.stop();
    },
    list: () => windows.list(SHOP, { limit: 10_000, signal }),
    async [Symbol.asyncDispose]() {
      await Promise.all([receipts.close(), windows.close(), checkpoints.close()]);
      await client.close();
      await emulator.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** A change of one row. */
export function row(
  operation: 'insert' | 'update' | 'delete',
  id: number,
  table: string = 'items',
): MemoryChange {
  return { operation, table, key: { id }, after: { id, value: `value ${String(id)}` } };
}

/** How many events of each table and operation were committed. */
export function committedCounts(events: readonly ChangeEvent[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const event of events) {
    const table = 'table' in event ? `${event.table.schema}.${event.table.name}` : '';
    sums[`${table} ${event.operation}`] = (sums[`${table} ${event.operation}`] ?? 0) + 1;
  }
  return sums;
}

/** How many were captured. */
export function capturedCounts(counts: readonly EventCounts[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    counts.map(({ captured, operation, table }) => [`${table} ${operation}`, captured]),
  );
}
