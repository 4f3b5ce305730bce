import { resolveTables, type SqlSession } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { reconcileKeys, rememberKeys } from './key-ledger.ts';
import { type KeyedTable, readKeyedTable } from './keyed-table.ts';
import { readTombstones } from './read-tombstones.ts';
import type { TombstoneCursor } from './tombstone.ts';

const { signal } = new AbortController();
const target = { schema: 'certyo', name: 'p' };
const KEYS = 4;
const WRITERS = 4;
const STEPS = 30;
const SCHEDULES = 12;

/** A reader as small as can be, by the protocol that `readTombstones` describes. */
class Reader {
  readonly held = new Map<string, string>();
  readonly violations: string[] = [];
  readonly #session: SqlSession;
  readonly #table: KeyedTable;
  readonly #isReconciling: boolean;
  readonly #versions = new Map<string, bigint>();
  #after: TombstoneCursor | null = null;
  #place = 0n;

  constructor(session: SqlSession, table: KeyedTable, isReconciling: boolean) {
    this.#session = session;
    this.#table = table;
    this.#isReconciling = isReconciling;
  }

  async poll(between: () => Promise<void>): Promise<bigint> {
    const session = this.#session;
    if (this.#isReconciling)
      await reconcileKeys(session, target, this.#table, { after: null, maxKeys: 100, signal });
    let below: bigint | null = null;
    for (;;) {
      const page = await readTombstones(session, target, this.#table, {
        after: this.#after,
        below,
        maxRows: 2,
        maxBytes: 10_000,
        signal,
      });
      below = page.below;
      for (const tombstone of page.tombstones) {
        if (tombstone.kind === 'truncated') continue;
        const [key = ''] = tombstone.key;
        this.#grow(key, tombstone.xid * 2n);
        this.held.delete(key);
      }
      if (this.#isReconciling)
        await rememberKeys(session, target, this.#table, page.leftOut, { signal });
      this.#after = page.next ?? { xid: below, sequence: 0n };
      await between();
      if (page.next === null) break;
    }
    const { rows } = await session.query<{ id: string; v: string; xid: string }>(
      'SELECT id, v, certyo_xid AS xid FROM public.t WHERE certyo_xid >= $1::xid8 AND certyo_xid < $2::xid8 ORDER BY certyo_xid, id',
      [String(this.#place), String(below)],
      { signal },
    );
    if (this.#isReconciling)
      await rememberKeys(
        session,
        target,
        this.#table,
        rows.map(({ id }) => [id]),
        { signal },
      );
    for (const { id, v, xid } of rows) {
      this.#grow(id, BigInt(xid) * 2n + 1n);
      this.held.set(id, v);
    }
    this.#place = below;
    return below;
  }

  #grow(key: string, version: bigint): void {
    const last = this.#versions.get(key) ?? -1n;
    if (version <= last) this.violations.push(`${key}: ${version} after ${last}`);
    this.#versions.set(key, version);
  }
}

function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** One transaction after the other on each client; a step that waits for a lock is awaited when its holder has ended. */
class Writer {
  isOpen = false;
  #pending: Promise<unknown> | null = null;
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  get isWaiting(): boolean {
    return this.#pending !== null;
  }

  async step(random: (limit: number) => number): Promise<void> {
    if (this.isWaiting) return;
    if (!this.isOpen) {
      this.isOpen = true;
      // Drawing its xid early is what makes the order of xids another one than that of commits.
      return await this.#run(random(2) === 0 ? 'BEGIN; SELECT pg_current_xact_id()' : 'BEGIN');
    }
    const key = random(KEYS);
    const other = random(KEYS);
    const value = random(1_000_000);
    const statements = [
      `INSERT INTO t VALUES (${key}, '${value}') ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
      `INSERT INTO t VALUES (${key}, '${value}') ON CONFLICT DO NOTHING`,
      `DELETE FROM t WHERE id = ${key}`,
      `DELETE FROM t WHERE id = ${key}`,
      `UPDATE t SET id = ${other} WHERE id = ${key} AND NOT EXISTS (SELECT 1 FROM t WHERE id = ${other})`,
      'SAVEPOINT s',
      'COMMIT',
      'COMMIT',
      'ROLLBACK',
    ];
    await this.#run(statements[random(statements.length)] ?? 'COMMIT');
  }

  async end(): Promise<void> {
    await this.#pending;
    if (this.isOpen) await this.#client.query('COMMIT').catch(() => undefined);
    this.isOpen = false;
  }

  async #run(sql: string): Promise<void> {
    if (sql === 'COMMIT' || sql === 'ROLLBACK') this.isOpen = false;
    const running = this.#client.query(sql).then(
      () => undefined,
      async () => {
        // A deadlock or a key that another one took: the transaction is over.
        await this.#client.query('ROLLBACK');
        this.isOpen = false;
      },
    );
    const settled = running.then(() => {
      this.#pending = null;
    });
    this.#pending = settled;
    // It is given a moment; what takes longer waits for a lock.
    await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 30))]);
  }
}

describe('tombstones and rows', () => {
  for (const hardDeletes of ['tombstone', 'reconcile'] as const) {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    test(
      `P-01, P-02, P-07: ${hardDeletes}: whatever ${WRITERS} transactions do, what is held in the end is the table, and versions grow (seed ${seed})`,
      { timeout: 120_000 },
      async () => {
        await using db = await testDatabase();
        await using session = openSession(db.url);
        await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
        await setUp(db, specOf([polled('t', { hardDeletes })]));
        const [description] = await resolveTables(session, ['t'], { signal });
        if (description === undefined) throw new Error('no table');
        const table = await readKeyedTable(session, description, ['id'], { signal });
        const reader = new Reader(session, table, hardDeletes === 'reconcile');
        const clients = await Promise.all(Array.from({ length: WRITERS }, () => db.client()));
        for (const client of clients) await client.query("SET deadlock_timeout = '10ms'");
        const random = randomOf(seed);
        for (let schedule = 0; schedule < SCHEDULES; schedule++) {
          const writers = clients.map((client) => new Writer(client));
          const step = async (): Promise<void> => {
            await writers[random(WRITERS)]?.step(random);
          };
          for (let at = 0; at < STEPS; at++) {
            await step();
            if (random(4) === 0) await reader.poll(step);
          }
          await Promise.all(writers.map((writer) => writer.end()));
          await expect
            .poll(async () => {
              await reader.poll(async () => {});
              const rows = await db.query<{ id: number; v: string }>('SELECT id, v FROM t');
              const wanted = rows.map(({ id, v }) => `${id}=${v}`).sort();
              const held = [...reader.held].map(([id, v]) => `${id}=${v}`).sort();
              return held.join() === wanted.join()
                ? 'equal'
                : `schedule ${schedule}: ${held.join()} is not ${wanted.join()}`;
            })
            .toBe('equal');
          expect(reader.violations).toEqual([]);
        }
      },
    );
  }
});
