import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createPipeline, GapError, type GapCode, type Pipeline } from '@certyo-cdc/core';
import {
  faultProxy,
  memoryCheckpointStore,
  type MemoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  type MemorySink,
  type PostgresAccess,
  type PostgresServer,
  startPostgres,
} from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import type { ReplicationSourceOptions } from './options.ts';
import { type Captured, captured, optionsOf } from './testing/captured.ts';
import { replicationSource } from './replication-source.ts';

/**
 * The list of what may befall a slot. Each time the pipeline stops with the code of what happened, within 15 seconds and
 * with nothing delivered past the hole (O7), or goes on with nothing lost.
 */

const major = inject('postgresMajor');
const STOPS_WITHIN_MS = 15_000;
const TABLES = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (v text)'];
const OPTIONS = { tables: ['t'], care: { everyMs: 100 } } as const;

interface Watched extends Captured {
  readonly sink: MemorySink;
  readonly checkpoints: MemoryCheckpointStore;
  /** A pipeline over the same sink and checkpoints as all others of `it`. */
  readonly pipeline: (options?: Partial<ReplicationSourceOptions>) => Pipeline;
}

async function watched(server?: PostgresAccess): Promise<Watched> {
  const it = await captured(TABLES, OPTIONS, server);
  const sink = memorySink();
  const checkpoints = memoryCheckpointStore();
  return {
    ...it,
    sink,
    checkpoints,
    pipeline: (options = {}) =>
      createPipeline(replicationSource({ ...optionsOf(it.db, OPTIONS), ...options }), sink, {
        name: 'p',
        checkpoints,
        deadLetters: memoryDeadLetterStore(),
        batch: { lingerMs: 1 },
      }),
  };
}

/** Delivers row 1 and stops in order. */
async function deliverOne(it: Watched): Promise<void> {
  await using pipeline = it.pipeline();
  await pipeline.start();
  await it.db.query('INSERT INTO t VALUES (1)');
  await pipeline.caughtUp();
  expect(delivered(it)).toEqual([1]);
  await pipeline.drain();
  // The server notices the end of a connection a moment later.
  const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
  await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
}

function delivered(it: Watched): number[] {
  return it.sink.effects.map(({ payload }) => (JSON.parse(payload) as { id: number }).id);
}

/** Starts, or watches over, a pipeline that has to stop with this code and nothing behind row 1. */
async function expectGap(it: Watched, code: GapCode, pipeline = it.pipeline()): Promise<GapError> {
  const startedAtMs = Date.now();
  if (pipeline.status().state === 'idle') await pipeline.start().catch(() => undefined);
  const error = await pipeline.closed;
  expect(Date.now() - startedAtMs).toBeLessThan(STOPS_WITHIN_MS);
  expect(error).toMatchObject({ code });
  expect(error).toBeInstanceOf(GapError);
  expect((error as GapError).remedy).toMatch(/\S/);
  expect(pipeline.status().state).toBe('gap');
  expect(delivered(it)).toEqual([1]);
  return error as GapError;
}

/** A pipeline that runs and has delivered row 1. */
async function running(
  it: Watched,
  options: Partial<ReplicationSourceOptions> = {},
): Promise<Pipeline> {
  const pipeline = it.pipeline(options);
  await pipeline.start();
  await it.db.query('INSERT INTO t VALUES (1)');
  await pipeline.caughtUp();
  return pipeline;
}

function slotSql(statement: string): (it: Watched) => Promise<unknown> {
  return (it) => it.db.query(statement.replaceAll('$slot', `'${it.db.database}'`));
}

const dropSlot = slotSql('SELECT pg_drop_replication_slot($slot)');
const createSlot = slotSql(`SELECT pg_create_logical_replication_slot($slot, 'pgoutput')`);
const killSender = slotSql(
  'SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $slot',
);

async function writeMuch(it: Watched): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await it.db.query(`INSERT INTO u SELECT repeat('x', 900) FROM generate_series(1, 20000)`);
    await it.db.query('SELECT pg_switch_wal()');
    await it.db.query('CHECKPOINT');
  }
}

async function walStatus(it: Watched): Promise<string | undefined> {
  const sql = 'SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1';
  return (await it.db.query<{ wal_status: string }>(sql, [it.db.database]))[0]?.wal_status;
}

const SMALL_LOG = { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB' };

describe('the slot', () => {
  test('R-11: lost by max_slot_wal_keep_size while the pipeline was away', async () => {
    await using server = await startPostgres({ major, settings: SMALL_LOG });
    await using it = await watched(server);
    await deliverOne(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await writeMuch(it);
    expect(await walStatus(it)).toBe('lost');
    const error = await expectGap(it, 'GAP_SLOT_LOST');
    expect(error.message).toContain('pg_drop_replication_slot');
  }, 60_000);

  test('R-11: lost while the sink stood still', async () => {
    await using server = await startPostgres({ major, settings: SMALL_LOG });
    await using it = await watched(server);
    await using pipeline = await running(it);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    it.sink.faults = async () => {
      await held;
      return null;
    };
    await it.db.query('INSERT INTO t VALUES (2)');
    await expect.poll(() => it.sink.active).toBe(1);
    await writeMuch(it);
    await expectGap(it, 'GAP_SLOT_LOST', pipeline);
    release();
  }, 60_000);

  test('R-11: given up for being idle (PostgreSQL 18)', async ({ skip }) => {
    skip(major < 18, 'idle_replication_slot_timeout came with PostgreSQL 18');
    await using server = await startPostgres({
      major,
      settings: { idle_replication_slot_timeout: '1s' },
    });
    await using it = await watched(server);
    await deliverOne(it);
    await expect
      .poll(async () => {
        await it.db.query('CHECKPOINT');
        return await walStatus(it);
      })
      .toBe('lost');
    const error = await expectGap(it, 'GAP_SLOT_LOST');
    expect(error.message).toContain('idle_timeout');
  }, 60_000);

  test('R-14: dropped while the pipeline was away', async () => {
    await using it = await watched();
    await deliverOne(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await dropSlot(it);
    await expectGap(it, 'GAP_SLOT_MISSING');
  });

  test('R-14: dropped while the pipeline ran', async () => {
    await using it = await watched();
    await using pipeline = await running(it, { reconnect: { minDelayMs: 1_000 } });
    await killSender(it);
    await dropSlot(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await expectGap(it, 'GAP_SLOT_MISSING', pipeline);
  });

  test('R-12: dropped and made again', async () => {
    await using it = await watched();
    await deliverOne(it);
    await dropSlot(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await createSlot(it);
    await it.db.query('INSERT INTO t VALUES (3)');
    await expectGap(it, 'GAP_SLOT_AHEAD');
  });

  test('R-12: dropped and made again while the pipeline ran', async () => {
    await using it = await watched();
    await using pipeline = await running(it, { reconnect: { minDelayMs: 1_000 } });
    await killSender(it);
    await dropSlot(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await createSlot(it);
    await it.db.query('INSERT INTO t VALUES (3)');
    await expectGap(it, 'GAP_SLOT_AHEAD', pipeline);
  });

  test.each([
    [
      'pg_replication_slot_advance',
      'pg_replication_slot_advance($slot, pg_current_wal_flush_lsn())',
    ],
    [
      'another reader',
      `count(*) FROM pg_logical_slot_get_binary_changes($slot, NULL, NULL, 'proto_version', '1', 'publication_names', 'certyo_cdc')`,
    ],
  ])('advanced behind our back by %s', async (_name, call) => {
    await using it = await watched();
    await deliverOne(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await slotSql(`SELECT ${call}`)(it);
    await it.db.query('INSERT INTO t VALUES (3)');
    await expectGap(it, 'GAP_SLOT_AHEAD');
  });

  test('R-34: an old checkpoint is no way back behind the slot', async () => {
    await using it = await watched();
    await deliverOne(it);
    const old = it.checkpoints.peek('p')?.checkpoint;
    {
      await using pipeline = it.pipeline();
      await pipeline.start();
      await it.db.query('INSERT INTO t VALUES (2)');
      await pipeline.caughtUp();
    }
    if (old !== undefined) it.checkpoints.overwrite('p', old);
    await using pipeline = it.pipeline();
    await expect(pipeline.start()).rejects.toMatchObject({ code: 'GAP_SLOT_AHEAD' });
    expect(delivered(it)).toEqual([1, 2]);
  });
});

describe('the publication', () => {
  test.each([
    ['R-16: dropped', 'DROP PUBLICATION certyo_cdc'],
    ['R-17: without the table', 'ALTER PUBLICATION certyo_cdc SET TABLE u'],
    ['R-17: without deletes', `ALTER PUBLICATION certyo_cdc SET (publish = 'insert, update')`],
    [
      'R-17: dropped and made again',
      `DROP PUBLICATION certyo_cdc; INSERT INTO t VALUES (5); CREATE PUBLICATION certyo_cdc FOR TABLE t`,
    ],
    [
      'R-17: the table removed and added again',
      `ALTER PUBLICATION certyo_cdc DROP TABLE t; INSERT INTO t VALUES (5); ALTER PUBLICATION certyo_cdc ADD TABLE t`,
    ],
  ])(
    '%s, while the pipeline was away and while it ran',
    async (_name, statements) => {
      for (const isRunning of [false, true]) {
        await using it = await watched();
        let pipeline: Pipeline | undefined;
        if (isRunning) pipeline = await running(it);
        else await deliverOne(it);
        // One by one: in one query string they would be one transaction.
        for (const statement of statements.split('; ')) await it.db.query(statement);
        if (!isRunning) await it.db.query('INSERT INTO t VALUES (2)');
        await expectGap(it, 'GAP_PUBLICATION', pipeline);
      }
    },
    60_000,
  );
});

describe('the server', () => {
  test('R-13: restored from a copy that is older than the checkpoint', async () => {
    await using server = await startPostgres({ major });
    await using it = await watched(server);
    await server.stop();
    const copy = `${server.dataDirectory}.copy`;
    execFileSync('cp', ['-a', server.dataDirectory, copy]);
    await server.start();
    await deliverOne(it);
    await server.stop();
    await rm(server.dataDirectory, { recursive: true });
    execFileSync('mv', [copy, server.dataDirectory]);
    await server.start();
    await expectGap(it, 'GAP_POSITION_AHEAD');
  }, 60_000);
});

describe('failover', () => {
  /** A primary and its standby behind one address, with row 1 delivered and present on both. */
  async function pair(
    primary: PostgresServer,
    standby: PostgresServer,
    prepare: (it: Watched) => Promise<void> = () => Promise.resolve(),
  ): Promise<Watched & { readonly run: Pipeline; readonly failOver: () => Promise<void> }> {
    const it = await watched(primary);
    await prepare(it);
    const proxy = await faultProxy({ target: { host: primary.host, port: primary.port } });
    const connection = it.db.url.replace(`:${primary.port}/`, `:${proxy.port}/`);
    const run = await running(it, { connection });
    await expect.poll(() => rowsOn(standby, it.db.database), { timeout: 20_000 }).toEqual([1]);
    return {
      ...it,
      run,
      failOver: async () => {
        await primary.crash();
        await standby.promote();
        proxy.retarget({ host: standby.host, port: standby.port });
      },
      [Symbol.asyncDispose]: async () => {
        await run.stop();
        await proxy[Symbol.asyncDispose]();
        await it[Symbol.asyncDispose]();
      },
    };
  }

  async function withFailoverSlot(it: Watched): Promise<void> {
    await dropSlot(it);
    await slotSql(`SELECT pg_create_logical_replication_slot($slot, 'pgoutput', failover => true)`)(
      it,
    );
  }

  async function rowsOn(server: PostgresServer, database: string): Promise<number[] | string> {
    const client = await server.client({ database }).catch(() => null);
    if (client === null) return 'no connection';
    try {
      const { rows } = await client.query<{ id: number }>('SELECT id FROM t ORDER BY id');
      return rows.map(({ id }) => id);
    } catch (error) {
      return (error as Error).message;
    } finally {
      await client.end();
    }
  }

  test('R-14: to a standby that does not have the slot', async () => {
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await using it = await pair(primary, standby);
    await it.failOver();
    const client = await standby.client({ database: it.db.database });
    await client.query('INSERT INTO t VALUES (2)');
    await expectGap(it, 'GAP_SLOT_MISSING', it.run);
  }, 90_000);

  test('R-14: with a synchronised slot nothing is lost (PostgreSQL 17)', async ({ skip }) => {
    skip(major < 17, 'slots are synchronised from PostgreSQL 17 on');
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await using it = await pair(primary, standby, withFailoverSlot);
    await expect
      .poll(
        () =>
          standby.query(
            `SELECT slot_name::text AS slot FROM pg_replication_slots
              WHERE synced AND NOT temporary AND invalidation_reason IS NULL`,
          ),
        { timeout: 45_000, interval: 200 },
      )
      .toEqual([{ slot: it.db.database }]);
    await it.failOver();
    const client = await standby.client({ database: it.db.database });
    await client.query('INSERT INTO t VALUES (2), (3)');
    await expect.poll(() => delivered(it), { timeout: STOPS_WITHIN_MS }).toEqual([1, 2, 3]);
    expect(it.run.status().state).toBe('running');
  }, 90_000);

  test('R-15, R-26: to a standby that lacks what was delivered', async ({ skip }) => {
    skip(major < 17, 'before, the slot is missing there: the gap is that one');
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await using it = await pair(primary, standby, withFailoverSlot);
    const synced = `SELECT 1 FROM pg_replication_slots WHERE synced AND NOT temporary`;
    await expect.poll(() => standby.query(synced), { timeout: 45_000 }).toHaveLength(1);
    await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
    await standby.query('SELECT pg_reload_conf()');
    await expect.poll(() => standby.query('SELECT 1 FROM pg_stat_wal_receiver')).toEqual([]);
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.run.caughtUp();
    expect(delivered(it)).toEqual([1, 2]);
    await it.failOver();
    const client = await standby.client({ database: it.db.database });
    await client.query('INSERT INTO t VALUES (3)');
    // So that the position beyond the switch exists in the new history as well, with other content.
    await client.query('SELECT pg_switch_wal()');
    const error = await it.run.closed;
    expect(error).toMatchObject({ code: 'GAP_TIMELINE' });
    expect(delivered(it)).toEqual([1, 2]);
  }, 90_000);
});
