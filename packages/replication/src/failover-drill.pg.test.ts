import { GapError, type Pipeline } from '@certyo-cdc/core';
import { faultProxy, type PostgresServer, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import {
  deliverBefore,
  inserts,
  run,
  running,
  told,
  type Watched,
  watched,
} from './testing/gap-list.ts';

/**
 * Failovers to a standby, while the application goes on writing: the pipeline goes on with nothing lost, or stops with its
 * own code within 15 seconds, having delivered nothing that the new primary does not have behind the hole.
 */

const major = inject('postgresMajor');
const STOPS_WITHIN_MS = 15_000;
const TIME_MS = 240_000;
const LAST_ROW = 'SELECT max(id) AS id, count(*)::int AS n FROM t';

interface Pair extends Watched, AsyncDisposable {
  /** Kills the primary, promotes the standby, and leads the address there. */
  readonly failOver: () => Promise<void>;
  /** Resolves when the standby has all that was committed, checkpoints included. */
  readonly followed: () => Promise<void>;
  /** Cuts the standby off from the primary. */
  readonly detach: () => Promise<void>;
}

/** A primary and its standby behind one address. */
async function pair(isSynced: boolean, isProtected = isSynced): Promise<Pair> {
  const primary = await startPostgres({ major });
  const it = await watched(primary);
  if (isSynced) {
    await run(it, 'SELECT pg_drop_replication_slot($slot)');
    await run(it, `SELECT pg_create_logical_replication_slot($slot, 'pgoutput', failover => true)`);
  }
  const standby = await startPostgres({ standbyOf: primary });
  const [physical] = await primary.query<{ name: string }>(
    `SELECT slot_name AS name FROM pg_replication_slots WHERE slot_type = 'physical'`,
  );
  if (isProtected) {
    await primary.query(`ALTER SYSTEM SET synchronized_standby_slots = '${physical?.name ?? ''}'`);
    await primary.query('SELECT pg_reload_conf()');
  }
  const database = `SELECT 1 FROM pg_database WHERE datname = '${it.db.database}'`;
  await expect.poll(() => standby.query(database)).toHaveLength(1);
  const proxy = await faultProxy({ target: { host: primary.host, port: primary.port } });
  it.always = {
    connection: it.db.url.replace(`:${primary.port}/`, `:${proxy.port}/`),
    reconnect: { minDelayMs: 10, maxDelayMs: 200 },
  };
  return Object.assign(it, {
    failOver: async () => {
      await primary.crash();
      await standby.promote();
      proxy.retarget({ host: standby.host, port: standby.port });
      const client = await standby.client({ database: it.db.database });
      const query: Watched['db']['query'] = async (sql, values = []) =>
        (await client.query(sql, [...values])).rows as never;
      Object.assign(it, { db: { ...it.db, query } });
    },
    followed: async () => {
      const [written] = await primary.query<{ lsn: string }>(
        'SELECT pg_current_wal_flush_lsn()::text AS lsn',
      );
      const replayed = `SELECT pg_last_wal_replay_lsn() >= '${written?.lsn ?? ''}'::pg_lsn AS done`;
      await expect.poll(() => standby.query(replayed)).toEqual([{ done: true }]);
    },
    detach: async () => {
      await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
      await standby.query('SELECT pg_reload_conf()');
      await expect.poll(() => standby.query('SELECT 1 FROM pg_stat_wal_receiver')).toEqual([]);
    },
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await standby[Symbol.asyncDispose]();
      await primary[Symbol.asyncDispose]();
    },
    ...(isSynced ? { standby } : {}),
  });
}

/** Waits until the standby would keep the slot. */
async function synced(it: Watched): Promise<void> {
  const { standby } = it as Watched & { readonly standby: PostgresServer };
  const slots = `SELECT slot_name::text AS slot FROM pg_replication_slots
    WHERE synced AND NOT temporary AND invalidation_reason IS NULL`;
  await expect
    .poll(() => standby.query(slots), { timeout: 120_000, interval: 200 })
    .toEqual([{ slot: it.db.database }]);
}

/** Writes rows from 4 on, one commit each, until the server is gone. */
function load(it: Watched): { readonly written: () => number; readonly over: Promise<void> } {
  let id = 3;
  const { query } = it.db;
  const over = (async () => {
    for (;;) {
      try {
        await query('INSERT INTO t VALUES ($1)', [id + 1]);
      } catch {
        return;
      }
      id += 1;
    }
  })();
  return { written: () => id, over };
}

/** The ids from 1 on without a hole, each once, in the order of their commits. */
function upTo(count: number): readonly string[] {
  return inserts(Array.from({ length: count }, (_, i) => i + 1));
}

async function gapWithinTime(pipeline: Pipeline, sinceMs: number): Promise<GapError> {
  if (pipeline.status().state === 'idle') await pipeline.start().catch(() => undefined);
  const error = await pipeline.closed;
  expect(Date.now() - sinceMs).toBeLessThan(STOPS_WITHIN_MS);
  expect(error).toBeInstanceOf(GapError);
  return error as GapError;
}

describe('a failover to a standby that does not have the slot', () => {
  test(
    'R-14: under load stops, having delivered nothing behind it',
    async () => {
      await using it = await pair(false);
      await using pipeline = await running(it);
      const writer = load(it);
      await expect.poll(() => told(it).length).toBeGreaterThan(50);
      await it.failOver();
      await writer.over;
      const startedAtMs = Date.now();
      await it.db.query('INSERT INTO t VALUES (1000000)');
      const { code } = await gapWithinTime(pipeline, startedAtMs);
      // The second where the standby had not got all that was delivered.
      expect(['GAP_SLOT_MISSING', 'GAP_TIMELINE']).toContain(code);
      const delivered = told(it).length;
      expect(told(it)).toEqual(upTo(delivered));
      // What was sent before its writer was told of the commit.
      expect(delivered).toBeLessThanOrEqual(writer.written() + 1);
    },
    TIME_MS,
  );

  test(
    'R-14: while the pipeline was away stops it at its start',
    async () => {
      await using it = await pair(false);
      await deliverBefore(it);
      // Without the checkpoint nobody could tell that there is a gap, only that there is no slot.
      await it.followed();
      await it.failOver();
      await it.db.query('INSERT INTO t VALUES (4)');
      const startedAtMs = Date.now();
      const { code } = await gapWithinTime(it.pipeline(), startedAtMs);
      expect(['GAP_SLOT_MISSING', 'GAP_TIMELINE']).toContain(code);
      expect(told(it)).toEqual(upTo(3));
    },
    TIME_MS,
  );
});

describe('a failover to a standby with a synchronised slot (PostgreSQL 17)', () => {
  test(
    'R-14, R-15: under load loses nothing that the new primary has',
    async ({ skip }) => {
      skip(major < 17, 'slots are synchronised from PostgreSQL 17 on');
      await using it = await pair(true);
      await using pipeline = await running(it);
      await synced(it);
      const writer = load(it);
      await expect.poll(() => told(it).length).toBeGreaterThan(50);
      await it.failOver();
      await writer.over;
      const kept = (await it.db.query<{ id: number; n: number }>(LAST_ROW))[0] ?? { id: 0, n: 0 };
      // The standby has a beginning of what was committed.
      expect(kept.n).toBe(kept.id);
      for (let id = kept.id + 1; id <= kept.id + 20; id++) {
        await it.db.query('INSERT INTO t VALUES ($1)', [id]);
      }
      await expect.poll(() => told(it).length).toBeGreaterThanOrEqual(kept.id + 20);
      expect(told(it)).toEqual(upTo(kept.id + 20));
      expect(pipeline.status().state).toBe('running');
    },
    TIME_MS,
  );

  test(
    'R-14: while the pipeline was away loses nothing',
    async ({ skip }) => {
      skip(major < 17, 'slots are synchronised from PostgreSQL 17 on');
      await using it = await pair(true);
      await deliverBefore(it);
      await synced(it);
      await it.failOver();
      await it.db.query('INSERT INTO t VALUES (4), (5)');
      await using pipeline = it.pipeline();
      await pipeline.start();
      await pipeline.caughtUp();
      expect(told(it)).toEqual(upTo(5));
    },
    TIME_MS,
  );
});

describe('a failover to a standby that lacks what was delivered', () => {
  test(
    'R-15, R-26: stops with GAP_TIMELINE',
    async () => {
      const isSynced = major >= 17;
      await using it = await pair(isSynced, false);
      await using pipeline = await running(it);
      if (isSynced) await synced(it);
      await it.detach();
      await it.db.query('INSERT INTO t VALUES (4)');
      await pipeline.caughtUp();
      expect(told(it)).toEqual(upTo(4));
      await it.failOver();
      const startedAtMs = Date.now();
      await it.db.query('INSERT INTO t VALUES (5)');
      // So that the position beyond the switch exists in the new history as well, with other content.
      await it.db.query('SELECT pg_switch_wal()');
      expect((await gapWithinTime(pipeline, startedAtMs)).code).toBe('GAP_TIMELINE');
      expect(told(it)).toEqual(upTo(4));
    },
    TIME_MS,
  );
});
