import {
  certyoSink,
  type CertyoSinkOptions,
  createCertyoClient,
  createPipeline,
  type CertyoClient,
  type Pipeline,
} from '@certyo-cdc/core';
import { startCertyoEmulator, type CertyoEmulator, type TestDatabase } from '@certyo-cdc/testing';
import {
  type Audit,
  type AuditOptions,
  type AuditReport,
  createAudit,
  createVerifier,
  type PostgresReceiptStore,
  postgresReceiptStore,
} from '@certyo-cdc/verification';
import { makeSource, type Switchable } from '../switching/sources.ts';

const { signal } = new AbortController();

/** A table of orders that is captured into an emulator, with receipts, and audits of it. */
export interface AuditRig extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly emulator: CertyoEmulator;
  readonly client: CertyoClient;
  readonly receipts: PostgresReceiptStore;
  readonly pipeline: Pipeline;
  audit(options?: Partial<AuditOptions>): Audit;
  run(options?: Partial<AuditOptions>): Promise<AuditReport>;
  /** Stops the pipeline, which would notice, and runs statements behind the back of triggers. */
  unseen(...statements: string[]): Promise<void>;
  /** Has everything that has a receipt anchored, and noted. */
  anchor(): Promise<void>;
}

export interface RigOptions {
  readonly source?: Switchable;
  readonly rows?: number;
  readonly statements?: readonly string[];
  readonly sink?: CertyoSinkOptions;
}

/** @param db Goes with the rig. */
export async function auditRigOn(db: TestDatabase, options: RigOptions = {}): Promise<AuditRig> {
  const { rows = 1000, source: kind = 'listen-notify', statements = [] } = options;
  const emulator = await startCertyoEmulator({ batchAgeMs: 100, anchorDelayMs: 50 });
  await db.query(
    "CREATE TABLE public.orders (id bigint PRIMARY KEY, customer text, total numeric(12,2), state text DEFAULT 'new', placed timestamptz)",
  );
  for (const statement of statements) await db.query(statement);
  const receipts = postgresReceiptStore({ connection: db.url, firstLookMs: 1 });
  await receipts.setup({ signal });
  const source = makeSource(kind, db.url);
  await source.setup();
  const client = createCertyoClient({ env: { ...emulator.environment } });
  const sinkOf = (): ReturnType<typeof certyoSink> =>
    certyoSink({ client, receipts, ...options.sink });
  const pipeline = createPipeline(source, sinkOf(), {
    name: 'orders',
    checkpointIntervalMs: 10,
    batch: { lingerMs: 1 },
  });
  await pipeline.start();
  await db.query(
    "INSERT INTO public.orders SELECT i, 'customer ' || i % 97, i * 1.25, 'new', now() FROM generate_series(1, $1::int) AS i",
    [rows],
  );
  await pipeline.caughtUp();
  const audit = (more: Partial<AuditOptions> = {}): Audit =>
    createAudit({
      connection: db.url,
      tables: ['public.orders'],
      receipts,
      sink: sinkOf(),
      catchUp: pipeline.status().state === 'running' ? pipeline : { waitMs: 0 },
      ...more,
    });
  return {
    db,
    emulator,
    client,
    receipts,
    pipeline,
    audit,
    run: (more) => audit(more).run(),
    async unseen(...list) {
      await pipeline.drain();
      const client_ = await db.client();
      await client_.query('BEGIN; ALTER TABLE public.orders DISABLE TRIGGER ALL');
      for (const statement of list) await client_.query(statement);
      await client_.query('ALTER TABLE public.orders ENABLE TRIGGER ALL; COMMIT');
      await client_.end();
    },
    async anchor() {
      const verifier = createVerifier({
        client,
        receipts,
        gatherMs: 1,
        backoff: { initialMs: 1, maxMs: 10 },
        maxRequestsPerSecond: false,
      });
      await verifier.start();
      for (;;) {
        const { pending } = await receipts.summary({ signal });
        if (pending === 0) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await verifier.drain();
    },
    async [Symbol.asyncDispose]() {
      await pipeline.stop();
      await receipts.close();
      await client.close();
      await source.teardown();
      await emulator.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

/** The exceptions of a report, as `kind recordId`. */
export function found(report: AuditReport): string[] {
  return report.exceptions.map(({ kind, recordId }) => `${kind} ${recordId}`).sort();
}
