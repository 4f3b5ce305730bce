import {
  certyoSink,
  createCertyoClient,
  createPipeline,
  type CertyoClient,
  type Pipeline,
} from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memorySource,
  startCertyoEmulator,
  type CertyoEmulator,
  type CertyoEmulatorOptions,
  type MemorySource,
} from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';

import {
  type PostgresReceiptStore,
  postgresReceiptStore,
} from '../receipts/postgres-receipt-store.ts';
import { createVerifier, type Verifier } from '../verifier/create-verifier.ts';
import type { VerifierEvent } from '../verifier/events.ts';
import type { VerifierOptions } from '../verifier/options.ts';

const { signal } = new AbortController();

/** An emulator, a ledger, a pipeline that fills it, and verifiers as impatient as tests are. */
export interface Rig extends AsyncDisposable {
  readonly database: Awaited<ReturnType<typeof testDatabase>>;
  readonly emulator: CertyoEmulator;
  readonly client: CertyoClient;
  readonly receipts: PostgresReceiptStore;
  readonly source: MemorySource;
  readonly pipeline: Pipeline;
  readonly events: VerifierEvent[];
  /** Hands in records with ids from `first` on; resolves when all have their receipts. */
  handIn(count: number, first?: number): Promise<void>;
  /** Puts the emulator's clock forward until everything is anchored, or has failed. */
  anchor(): void;
  verifier(options?: Partial<VerifierOptions>): Verifier;
  /** How many receipts are in each state. */
  states(): Promise<Readonly<Record<string, number>>>;
  /** Makes everything that is pending due now. */
  allDue(): Promise<void>;
  /** Requests that asked about anchoring, so far. */
  asked(): number;
}

export async function rig(
  options: CertyoEmulatorOptions & { readonly firstLookMs?: number } = {},
): Promise<Rig> {
  const { firstLookMs = 1, ...emulated } = options;
  const emulator = await startCertyoEmulator(emulated);
  const database = await testDatabase();
  const receipts = postgresReceiptStore({ connection: database.url, firstLookMs });
  await receipts.setup({ signal });
  const client = createCertyoClient({ env: { ...emulator.environment } });
  const source = memorySource({ checkpoints: memoryCheckpointStore(), maxBatchEvents: 1000 });
  const pipeline = createPipeline(source, certyoSink({ client, receipts }), {
    batch: { maxItems: 1000, lingerMs: 5 },
    checkpointIntervalMs: 1,
    retry: { initialDelayMs: 1, maxDelayMs: 5, budget: false },
  });
  await pipeline.start();
  const verifiers: Verifier[] = [];
  const events: VerifierEvent[] = [];
  return {
    database,
    emulator,
    client,
    receipts,
    source,
    pipeline,
    events,
    async handIn(count, first = 0) {
      source.push(
        Array.from({ length: count }, (_, index) => ({
          operation: 'insert',
          key: { id: first + index },
          after: { id: first + index, value: index },
        })),
      );
      await pipeline.caughtUp();
    },
    anchor() {
      emulator.clock.advance(61_000);
      emulator.clock.advance(16_000);
    },
    verifier(more = {}) {
      const verifier = createVerifier({
        client,
        receipts,
        gatherMs: 1,
        intervalMs: 10,
        backoff: { initialMs: 5, maxMs: 20 },
        resubmitAfterMs: 1,
        maxRequestsPerSecond: false,
        onEvent: (event) => events.push(event),
        ...more,
      });
      verifiers.push(verifier);
      return verifier;
    },
    async states() {
      const rows = await database.query<{ state: string; count: string }>(
        'SELECT state, count(*) FROM certyo.receipts GROUP BY state',
      );
      return Object.fromEntries(rows.map(({ count, state }) => [state, Number(count)]));
    },
    async allDue() {
      await database.query(
        "UPDATE certyo.receipts SET due_at = now() - interval '1 s' WHERE state = 'pending'",
      );
    },
    asked: () => emulator.requests.filter(({ path }) => !path.startsWith('/api/v1/records')).length,
    async [Symbol.asyncDispose]() {
      await Promise.all(verifiers.map((verifier) => verifier.stop()));
      await pipeline.stop();
      await receipts.close();
      await client.close();
      await emulator.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
