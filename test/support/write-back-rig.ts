import {
  certyoSink,
  type CertyoSinkOptions,
  createCertyoClient,
  createPipeline,
  type Pipeline,
} from '@certyo-cdc/core';
import { listenNotifySource } from '@certyo-cdc/listen-notify';
import { pollingSource } from '@certyo-cdc/polling';
import { replicationSource } from '@certyo-cdc/replication';
import { type CertyoEmulator, startCertyoEmulator, type TestDatabase } from '@certyo-cdc/testing';
import {
  createVerifier,
  createWriteBack,
  type PostgresReceiptStore,
  postgresReceiptStore,
  type WriteBack,
  type WriteBackOptions,
} from '@certyo-cdc/verification';
import { type CleanUp, making } from './clean-up.ts';
import type { SwitchableSource } from '../switching/sources.ts';

const { signal } = new AbortController();

/** Ways in which the orders of a test can be captured. */
export const CAPTURES = [
  'polling',
  'listen-notify',
  'replication full',
  'replication origin',
  'replication fingerprint',
] as const;

export type Capture = (typeof CAPTURES)[number];

export interface WriteBackRig extends AsyncDisposable {
  readonly emulator: CertyoEmulator;
  readonly receipts: PostgresReceiptStore;
  readonly pipeline: Pipeline;
  readonly writeBack: WriteBack;
  /** Until everything that was committed is anchored and written back, and nothing more comes. */
  settle(): Promise<void>;
}

export interface WriteBackRigOptions {
  readonly capture: Capture;
  readonly writeBack?: Partial<WriteBackOptions>;
  readonly sink?: CertyoSinkOptions;
  /** False: write-back is run by hand. */
  readonly isStarted?: boolean;
}

const tables = ['public.orders'];
const reconnect = { minDelayMs: 10, maxDelayMs: 100 };

function makeSource(capture: Capture, db: TestDatabase): SwitchableSource {
  const common = { connection: db.url, tables, reconnect };
  const slot = db.database;
  switch (capture) {
    case 'polling':
      return pollingSource({ ...common, leaseMs: 700, intervalMs: { min: 10, max: 100 } });
    case 'listen-notify':
      return listenNotifySource({ ...common, leaseMs: 700, pruneIntervalMs: 50 });
    default:
      return replicationSource({
        ...common,
        slot,
        publication: slot,
        origin: capture === 'replication origin' ? 'none' : 'any',
      });
  }
}

/** What the write-back is told of the source. */
export function sourceOf(capture: Capture): WriteBackOptions['source'] {
  if (capture === 'polling' || capture === 'listen-notify') return capture;
  return { kind: 'replication', origin: capture === 'replication origin' ? 'none' : 'any' };
}

/** A table, captured and anchored by an emulator, and a write-back of its statuses. */
export function writeBackRig(
  db: TestDatabase,
  options: WriteBackRigOptions,
): Promise<WriteBackRig> {
  return making((cleanUp) => make(db, options, cleanUp));
}

async function make(
  db: TestDatabase,
  { capture, isStarted = true, sink, writeBack: options }: WriteBackRigOptions,
  cleanUp: CleanUp,
): Promise<WriteBackRig> {
  const emulator = await startCertyoEmulator({ batchAgeMs: 100, anchorDelayMs: 50 });
  cleanUp.add(() => emulator.close());
  const receipts = postgresReceiptStore({ connection: db.url, firstLookMs: 1 });
  cleanUp.add(() => receipts.close());
  await receipts.setup({ signal });
  const columns = options?.into !== 'side-table';
  const writeBack = createWriteBack({
    receipts,
    connection: db.url,
    ...(columns ? { into: 'both', tables, source: sourceOf(capture) } : {}),
    intervalMs: 20,
    sweepIntervalMs: isStarted ? 100 : 1,
    ...options,
  });
  cleanUp.add(() => writeBack.stop());
  await writeBack.setup({ signal });
  const client = createCertyoClient({ env: { ...emulator.environment } });
  cleanUp.add(() => client.close());
  const verifier = createVerifier({
    client,
    receipts,
    gatherMs: 1,
    intervalMs: 20,
    backoff: { initialMs: 20, maxMs: 100 },
    maxRequestsPerSecond: false,
    followers: [writeBack.follower],
  });
  const source = makeSource(capture, db);
  cleanUp.add(() => source.teardown());
  await source.setup();
  const pipeline = createPipeline(
    source,
    certyoSink({
      env: { ...emulator.environment },
      receipts,
      ...(capture === 'replication fingerprint' ? { skipUnchanged: 'all' } : {}),
      ...sink,
    }),
    { checkpointIntervalMs: 10, batch: { lingerMs: 1 } },
  );
  cleanUp.add(() => pipeline.stop());
  await pipeline.start();
  cleanUp.add(() => verifier.stop());
  await verifier.start();
  if (isStarted) await writeBack.start();
  return {
    emulator,
    receipts,
    pipeline,
    writeBack,
    async settle() {
      for (let quiet = 0; quiet < 2; quiet += 1) {
        await pipeline.caughtUp();
        for (;;) {
          if (writeBack.status().error !== null) throw writeBack.status().error;
          if (!isStarted) await writeBack.runOnce();
          const [{ pending }, { queued }] = await Promise.all([
            receipts.summary({ signal }),
            writeBack.backlog({ signal }),
          ]);
          if (pending === 0 && queued === 0) break;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    },
    async [Symbol.asyncDispose]() {
      // It follows the verifier: first.
      await writeBack.stop();
      await cleanUp[Symbol.asyncDispose]();
    },
  };
}
