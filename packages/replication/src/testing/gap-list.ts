import { createPipeline, GapError, type GapCode, type Pipeline } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  type MemoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  type MemorySink,
  type PostgresAccess,
} from '@certyo-cdc/testing';
import { expect } from 'vitest';
import type { ReplicationSourceOptions } from '../options.ts';
import { replicationSource } from '../replication-source.ts';
import { type Captured, captured, optionsOf } from './captured.ts';

const STOPS_WITHIN_MS = 15_000;
const TABLES = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (v text)'];
const OPTIONS = {
  tables: ['t'],
  care: { everyMs: 100 },
  reconnect: { minDelayMs: 1_000 },
} as const;
/** Committed and delivered before the hole. */
export const BEFORE: readonly number[] = [1, 2, 3];

type Options = Partial<ReplicationSourceOptions>;

export interface Watched extends Captured {
  readonly sink: MemorySink;
  readonly checkpoints: MemoryCheckpointStore;
  /** A pipeline over the same sink and checkpoints as all others of `it`. */
  readonly pipeline: (
    options?: Options,
    into?: { readonly sink: MemorySink; readonly checkpoints: MemoryCheckpointStore },
  ) => Pipeline;
  /** Options that all pipelines get from now on. */
  always: Options;
}

/** A captured table `t`, another table `u`, and what outlives pipelines. */
export async function watched(server?: PostgresAccess): Promise<Watched> {
  const base = await captured(TABLES, OPTIONS, server);
  const sink = memorySink();
  const checkpoints = memoryCheckpointStore();
  const it: Watched = {
    ...base,
    sink,
    checkpoints,
    always: {},
    pipeline: (options = {}, into = { sink, checkpoints }) =>
      createPipeline(
        replicationSource({ ...optionsOf(base.db, OPTIONS), ...it.always, ...options }),
        into.sink,
        {
          name: 'p',
          checkpoints: into.checkpoints,
          deadLetters: memoryDeadLetterStore(),
          batch: { lingerMs: 1 },
        },
      ),
  };
  return it;
}

/** What took effect: operation and id. */
export function told({ sink }: Pick<Watched, 'sink'>): readonly string[] {
  return sink.effects.map(({ operation, payload }) => {
    const { id } = JSON.parse(payload) as { readonly id?: number };
    return id === undefined ? operation : `${operation} ${id}`;
  });
}

export function inserts(ids: readonly number[]): readonly string[] {
  return ids.map((id) => `insert ${id}`);
}

/** A pipeline that runs and has delivered what comes before the hole. */
export async function running(it: Watched): Promise<Pipeline> {
  const pipeline = it.pipeline();
  await pipeline.start();
  for (const id of BEFORE) await it.db.query('INSERT INTO t VALUES ($1)', [id]);
  await pipeline.caughtUp();
  expect(told(it)).toEqual(inserts(BEFORE));
  return pipeline;
}

/** Delivers what comes before the hole and stops in order. */
export async function deliverBefore(it: Watched): Promise<void> {
  const pipeline = await running(it);
  await pipeline.drain();
  // The server notices the end of a connection a moment later.
  const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
  await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
}

/** Runs SQL in which `$slot` stands for the slot's name. */
export async function run(it: Watched, statement: string): Promise<unknown> {
  return await it.db.query(statement.replaceAll('$slot', `'${it.db.database}'`));
}

/** What may befall a slot. */
export interface Damage {
  readonly code: GapCode;
  /** What the message has to tell. */
  readonly message?: string | undefined;
  /** Done while nobody reads, or while somebody does. */
  readonly happen: (it: Watched, pipeline: Pipeline | null) => Promise<unknown>;
  /** What has to be done before the pipeline may go on. */
  readonly repair?: ((it: Watched) => Promise<unknown>) | undefined;
  /** False where it cannot happen while somebody reads. */
  readonly whileRunning?: boolean | undefined;
}

/**
 * Lets it happen, once while the pipeline was away and once while it ran, and goes each of the three ways: it stays
 * stopped with its code, having delivered exactly what was committed before the hole; behind `accept` it goes on behind
 * the record of the hole; behind `copy` all rows come as they are.
 */
export async function expectGap(
  damage: Damage,
  scene: () => Promise<Watched & AsyncDisposable>,
): Promise<void> {
  for (const by of ['accept', 'copy'] as const) {
    const isRunning = by === 'copy' && damage.whileRunning !== false;
    await using it = await scene();
    let pipeline: Pipeline | null = null;
    if (isRunning) pipeline = await running(it);
    else await deliverBefore(it);
    await damage.happen(it, pipeline);
    const gap = await stopped(it, damage, pipeline ?? it.pipeline());
    it.sink.faults = null;
    // The first way: it stays stopped, however often it is started.
    const again = await stopped(it, damage, it.pipeline());
    expect(again.fingerprint).toBe(isRunning ? again.fingerprint : gap.fingerprint);
    await damage.repair?.(it);
    await goOn(it, again.fingerprint ?? '', by);
  }
}

/** Starts, or watches, a pipeline that has to stop with this code, and with nothing from behind the hole. */
async function stopped(it: Watched, damage: Damage, pipeline: Pipeline): Promise<GapError> {
  const startedAtMs = Date.now();
  if (pipeline.status().state === 'idle') await pipeline.start().catch(() => undefined);
  const error = await pipeline.closed;
  expect(Date.now() - startedAtMs).toBeLessThan(STOPS_WITHIN_MS);
  expect(error).toMatchObject({ code: damage.code });
  expect(error).toBeInstanceOf(GapError);
  const gap = error as GapError;
  expect(gap.remedy).toMatch(/\S/);
  if (damage.message !== undefined) expect(gap.message).toContain(damage.message);
  expect(pipeline.status().state).toBe('gap');
  expect(told(it)).toEqual(inserts(BEFORE));
  return gap;
}

async function goOn(it: Watched, gap: string, by: 'accept' | 'copy'): Promise<void> {
  await using pipeline = it.pipeline({ recover: { gap, by } });
  await pipeline.start();
  const behind = (): readonly string[] => told(it).slice(BEFORE.length);
  if (by === 'copy') {
    const rows = await it.db.query<{ id: number }>('SELECT id FROM t');
    const copied = rows.map(({ id }) => `snapshot ${id}`).sort();
    await expect
      .poll(() =>
        behind()
          .filter((what) => what.startsWith('snapshot'))
          .sort(),
      )
      .toEqual(copied);
  }
  await it.db.query('INSERT INTO t VALUES (99)');
  await pipeline.caughtUp();
  expect(behind()[0]).toBe('gap');
  expect(behind()).toContain('insert 99');
  expect(new Set(behind()).size).toBe(behind().length);
}
