import { certyoSink, createPipeline, type Pipeline } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memorySource,
  startCertyoEmulator,
  type CertyoEmulator,
  type EmulatorPhase,
} from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from './postgres-receipt-store.ts';

const { signal } = new AbortController();
const KILLS = 24;
const PHASES: readonly EmulatorPhase[] = ['request-received', 'applied', 'responded'];

type Database = Awaited<ReturnType<typeof testDatabase>>;

/** Every effect has exactly one receipt, which says what the API said, and there is no other one. */
async function expectOneReceiptEach(database: Database, emulator: CertyoEmulator): Promise<void> {
  const rows = await database.query<{ id: string; version: string; hash: string }>(
    'SELECT record_id AS id, record_version AS version, record_hash AS hash FROM certyo.receipts',
  );
  const names = rows.map(({ hash, id, version }) => `${id} ${version} ${hash}`).sort();
  const effects = emulator
    .records()
    .map((effect) => `${effect.recordId} ${effect.recordVersion} ${effect.recordHash}`)
    .sort();
  expect(names).toEqual(effects);
}

/** A function, because the compiler takes what was assigned last for what is there. */
async function endOf(killed: { readonly by: Promise<void> | null }): Promise<void> {
  await killed.by;
}

describe('certyoSink with a ledger in PostgreSQL, stopped in the middle', () => {
  test('I1: at every step of a request and of its store: no change without effect, no effect without its one receipt', async () => {
    let pipeline: Pipeline | null = null;
    let point: { readonly phase: EmulatorPhase; request: number } | null = null;
    const killed: { by: Promise<void> | null } = { by: null };
    await using emulator = await startCertyoEmulator({
      onPhase(phase) {
        if (point === null || phase !== point.phase) return;
        point.request -= 1;
        if (point.request === 0) killed.by ??= pipeline?.stop() ?? null;
      },
    });
    await using database = await testDatabase();
    const receipts = postgresReceiptStore({ connection: database.url });
    await receipts.setup({ signal });
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const start = async (): Promise<Pipeline> => {
      const sink = certyoSink({ env: { ...emulator.environment }, receipts });
      const started = createPipeline(source, sink, {
        checkpointIntervalMs: 1,
        batch: { maxItems: 7, lingerMs: 1 },
        retry: { initialDelayMs: 1, maxDelayMs: 5, budget: false },
        breaker: false,
      });
      await started.start();
      return started;
    };
    let changes = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      killed.by = null;
      pipeline = await start();
      // Not before: what the one before it had sent may still be answered.
      point = { phase: PHASES[kill % PHASES.length] ?? 'applied', request: 1 + (kill % 5) };
      for (let batch = 0; batch < 8; batch += 1) {
        source.push(
          Array.from({ length: 6 }, (_, id) => ({
            operation: 'update',
            key: { id: id + batch * 3 },
            after: { id: id + batch * 3, value: changes + id },
          })),
        );
        changes += 6;
      }
      if (kill % 2 === 1) {
        await database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'certyo-cdc receipts'`,
        );
      }
      await expect.poll(() => killed.by).not.toBeNull();
      await endOf(killed);
    }
    point = null;
    pipeline = await start();
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(emulator.counters).toMatchObject({ effects: changes, collisions: 0, regressions: 0 });
    await expectOneReceiptEach(database, emulator);
    await receipts.close();
  });

  test('a ledger that is away for a while holds the pipeline up, and loses and doubles nothing', async () => {
    await using emulator = await startCertyoEmulator();
    await using database = await testDatabase();
    const receipts = postgresReceiptStore({ connection: database.url });
    await receipts.setup({ signal });
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    const sink = certyoSink({ env: { ...emulator.environment }, receipts });
    const pipeline = createPipeline(source, sink, {
      checkpointIntervalMs: 1,
      retry: { initialDelayMs: 5, maxDelayMs: 50, budget: false },
      breaker: false,
    });
    await pipeline.start();
    source.push([{ operation: 'insert', key: { id: 0 } }]);
    await pipeline.caughtUp();
    const before = source.acknowledged;
    // Whoever stores waits, and loses the connection again and again.
    const locker = await database.client();
    await locker.query('BEGIN; LOCK TABLE certyo.receipts');
    source.push(
      Array.from({ length: 100 }, (_, id) => ({ operation: 'insert', key: { id: id + 1 } })),
    );
    await expect.poll(() => emulator.counters.effects).toBe(101);
    for (let cut = 0; cut < 5; cut += 1) {
      await expect
        .poll(() =>
          database.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'certyo-cdc receipts' AND wait_event_type = 'Lock'`,
          ),
        )
        .not.toEqual([]);
    }
    expect(source.acknowledged).toBe(before);
    await locker.query('ROLLBACK');
    await pipeline.caughtUp();
    await pipeline.drain();
    // What was accepted is not sent again for its receipt.
    expect(emulator.counters).toMatchObject({ effects: 101, attempts: 101 });
    await expectOneReceiptEach(database, emulator);
    await receipts.close();
  });
});
