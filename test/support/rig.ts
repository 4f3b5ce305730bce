import {
  certyoSink,
  createPipeline,
  type CertyoItem,
  type CertyoSinkOptions,
  type Pipeline,
  type PipelineEvent,
  type PipelineOptions,
} from '@certyo-cdc/core';
import {
  replicationSource,
  type ReplicationSource,
  type ReplicationSourceOptions,
} from '@certyo-cdc/replication';
import {
  startCertyoEmulator,
  type CertyoEffect,
  type CertyoEmulator,
  type CertyoEmulatorOptions,
  type TestDatabase,
} from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';

export interface RigOptions {
  readonly tables: readonly string[];
  readonly source?: Partial<ReplicationSourceOptions> | undefined;
  readonly emulator?: CertyoEmulatorOptions | undefined;
}

/** A pipeline with everything that it reported. */
export interface Started extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly events: readonly PipelineEvent[];
}

/** A real database and an emulator of the API, and pipelines between them. */
export interface Rig extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly certyo: CertyoEmulator;
  readonly slot: string;
  source(options?: Partial<ReplicationSourceOptions>): ReplicationSource;
  /** A pipeline that is not started, between a source and a sink of its own. */
  pipeline(options?: PipelineRig): Started;
  /** What the API holds of a table, as `recordId operation payload`, in its order. */
  held(collection: string, recordId?: string): string[];
  effects(collection: string): CertyoEffect[];
}

export interface PipelineRig {
  readonly source?: Partial<ReplicationSourceOptions> | undefined;
  readonly sink?: CertyoSinkOptions | undefined;
  readonly pipeline?: PipelineOptions | undefined;
}

/** Times that are short, so that failures do not cost the tests theirs. */
export const QUICK = {
  checkpointIntervalMs: 20,
  retry: { initialDelayMs: 5, maxDelayMs: 50, budget: false },
  breaker: { failures: 5, openMs: 20, maxOpenMs: 100 },
} as const;

/** Makes database, tables, publication, slot, tables for state, and an emulator. */
export async function createRig(statements: readonly string[], options: RigOptions): Promise<Rig> {
  const db = await testDatabase();
  for (const statement of statements) await db.query(statement);
  const certyo = await startCertyoEmulator(options.emulator);
  const slot = db.database;
  const source: Rig['source'] = (more = {}) =>
    replicationSource({
      connection: db.url,
      tables: options.tables,
      slot,
      slotWaitMs: 5_000,
      reconnect: { minDelayMs: 10, maxDelayMs: 200 },
      ...options.source,
      ...more,
    });
  await source().setup();
  const open = new Set<Pipeline>();
  const effects: Rig['effects'] = (collection) => certyo.records({ collection });
  return {
    db,
    certyo,
    slot,
    source,
    effects,
    held: (collection, recordId) =>
      effects(collection)
        .filter((effect) => recordId === undefined || effect.recordId === recordId)
        .map(({ recordId: id, operationType, payload }) => `${id} ${operationType} ${payload}`),
    pipeline(rig = {}) {
      const events: PipelineEvent[] = [];
      const { onEvent, ...rest } = rig.pipeline ?? {};
      const sink = certyoSink({
        baseUrl: certyo.url,
        apiKey: certyo.apiKey,
        tenantId: certyo.tenantId,
        ...rig.sink,
      });
      const pipeline = createPipeline<CertyoItem>(source(rig.source), sink, {
        ...QUICK,
        ...rest,
        onEvent: (event) => {
          events.push(event);
          onEvent?.(event);
        },
      });
      open.add(pipeline);
      return { pipeline, events, [Symbol.asyncDispose]: () => pipeline.stop() };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open].map((pipeline) => pipeline.stop()));
      await certyo.close();
      await db[Symbol.asyncDispose]();
    },
  };
}
