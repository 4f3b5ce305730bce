import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Pipeline } from '@certyo-cdc/core';
import {
  faultProxy,
  memoryCheckpointStore,
  memorySink,
  type PostgresServer,
  startPostgres,
} from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import {
  BEFORE,
  type Damage,
  deliverBefore,
  expectGap,
  inserts,
  run,
  told,
  type Watched,
  watched,
} from './testing/gap-list.ts';

/**
 * The list of what may befall a slot, while the pipeline is away and while it runs. Each time it stops with the code of
 * what happened, within 15 seconds and with nothing delivered past the hole (O7), and goes on by each way out. Failovers:
 * failover-drill.pg.test.ts.
 */

const major = inject('postgresMajor');
const TIME_MS = 120_000;

/** Ends the server's side of the connection; the pipeline comes back a second later. */
async function cut(it: Watched, pipeline: Pipeline | null): Promise<void> {
  if (pipeline === null) return;
  await run(
    it,
    'SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $slot',
  );
}

/** Statements one by one: in one query string they would be one transaction. */
function statements(...list: readonly string[]): Damage['happen'] {
  return async (it, pipeline) => {
    await cut(it, pipeline);
    for (const statement of list) await run(it, statement);
  };
}

const DROP_SLOT = 'SELECT pg_drop_replication_slot($slot)';
const MAKE_SLOT = `SELECT pg_create_logical_replication_slot($slot, 'pgoutput')`;
const LOST_ROW = 'INSERT INTO t VALUES (50)';

async function walStatus(it: Watched): Promise<string | undefined> {
  const sql = 'SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1';
  return (await it.db.query<{ wal_status: string }>(sql, [it.db.database]))[0]?.wal_status;
}

/** The scene on a server of its own. */
function ownServer(
  settings: Readonly<Record<string, string>> = {},
): () => Promise<Watched & { readonly server: PostgresServer }> {
  return async () => {
    const server = await startPostgres({ major, settings });
    const it = await watched(server);
    return Object.assign(it, {
      server,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    });
  };
}

describe('the slot', () => {
  test(
    'R-11: lost by max_slot_wal_keep_size, while nobody read or the sink stood still',
    async () => {
      const damage: Damage = {
        code: 'GAP_SLOT_LOST',
        message: 'pg_drop_replication_slot',
        happen: async (it, pipeline) => {
          if (pipeline !== null) {
            // Nothing is delivered and nothing acknowledged until the pipeline has ended.
            it.sink.faults = ({ signal }) =>
              new Promise((_resolve, reject) => {
                signal.addEventListener('abort', () => reject(signal.reason as Error));
              });
          }
          await run(it, LOST_ROW);
          if (pipeline !== null) await expect.poll(() => it.sink.active).toBe(1);
          for (let i = 0; i < 4; i++) {
            await run(it, `INSERT INTO u SELECT repeat('x', 900) FROM generate_series(1, 20000)`);
            await run(it, 'SELECT pg_switch_wal()');
            await run(it, 'CHECKPOINT');
          }
          await expect.poll(() => walStatus(it)).toBe('lost');
        },
      };
      await expectGap(
        damage,
        ownServer({
          max_slot_wal_keep_size: '1MB',
          max_wal_size: '32MB',
          min_wal_size: '32MB',
        }),
      );
    },
    TIME_MS,
  );

  test(
    'R-11: given up for being idle (PostgreSQL 18)',
    async ({ skip }) => {
      skip(major < 18, 'idle_replication_slot_timeout came with PostgreSQL 18');
      const damage: Damage = {
        code: 'GAP_SLOT_LOST',
        message: 'idle_timeout',
        // A slot that is read is not idle.
        whileRunning: false,
        happen: async (it) => {
          await run(it, LOST_ROW);
          await expect
            .poll(async () => {
              await run(it, 'CHECKPOINT');
              return await walStatus(it);
            })
            .toBe('lost');
          // The slot that recovery makes is to live longer.
          await run(it, `ALTER SYSTEM SET idle_replication_slot_timeout = '0'`);
          await run(it, 'SELECT pg_reload_conf()');
        },
      };
      await expectGap(damage, ownServer({ idle_replication_slot_timeout: '1s' }));
    },
    TIME_MS,
  );

  test.each<[string, Damage]>([
    ['R-14: dropped', { code: 'GAP_SLOT_MISSING', happen: statements(LOST_ROW, DROP_SLOT) }],
    [
      'R-12: dropped and made again',
      {
        code: 'GAP_SLOT_AHEAD',
        happen: statements(DROP_SLOT, LOST_ROW, MAKE_SLOT, 'INSERT INTO t VALUES (51)'),
      },
    ],
    [
      'advanced behind our back by pg_replication_slot_advance',
      {
        code: 'GAP_SLOT_AHEAD',
        happen: statements(
          LOST_ROW,
          'SELECT pg_replication_slot_advance($slot, pg_current_wal_flush_lsn())',
        ),
      },
    ],
    [
      'advanced behind our back by another reader',
      {
        code: 'GAP_SLOT_AHEAD',
        happen: statements(
          LOST_ROW,
          `SELECT count(*) FROM pg_logical_slot_get_binary_changes($slot, NULL, NULL, 'proto_version', '1', 'publication_names', 'certyo_cdc')`,
        ),
      },
    ],
  ])('%s', (_name, damage) => expectGap(damage, watched), TIME_MS);
});

describe('the checkpoint', () => {
  test(
    'R-13: ahead of the server',
    async () => {
      const damage: Damage = {
        code: 'GAP_POSITION_AHEAD',
        // The stored one is read at the start only.
        whileRunning: false,
        happen: (it) => overwrite(it, 'FFFF/0'),
      };
      await expectGap(damage, watched);
    },
    TIME_MS,
  );

  test(
    'R-34: an old one is no way back behind the slot',
    async () => {
      const damage: Damage = {
        code: 'GAP_SLOT_AHEAD',
        whileRunning: false,
        // Another life goes on from it, and what is stored here is what it had begun with.
        happen: async (it) => {
          const checkpoints = memoryCheckpointStore();
          const stored = it.checkpoints.peek('p');
          if (stored !== null) checkpoints.overwrite('p', stored.checkpoint);
          await using other = it.pipeline({}, { sink: memorySink(), checkpoints });
          await other.start();
          await run(it, LOST_ROW);
          await other.caughtUp();
        },
      };
      await expectGap(damage, watched);
    },
    TIME_MS,
  );
});

async function overwrite(it: Watched, position: string): Promise<void> {
  const stored = it.checkpoints.peek('p')?.checkpoint;
  if (stored === undefined) throw new Error('Nothing was saved.');
  it.checkpoints.overwrite('p', { ...stored, position: position as typeof stored.position });
  return Promise.resolve();
}

describe('the publication', () => {
  const again = `CREATE PUBLICATION certyo_cdc FOR TABLE t WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`;
  // While the pipeline runs nothing is cut: it has to notice by itself.
  const noticed =
    (...list: readonly string[]): Damage['happen'] =>
    async (it) => {
      for (const statement of list) await run(it, statement);
    };
  test.each<[string, Damage]>([
    [
      'R-16: dropped, also on 18, where the server leaves everything out without a word',
      {
        code: 'GAP_PUBLICATION',
        happen: noticed('DROP PUBLICATION certyo_cdc', LOST_ROW),
        repair: (it) => run(it, again),
      },
    ],
    [
      'R-17: without the table',
      {
        code: 'GAP_PUBLICATION',
        happen: noticed('ALTER PUBLICATION certyo_cdc SET TABLE u', LOST_ROW),
        repair: (it) => run(it, 'ALTER PUBLICATION certyo_cdc SET TABLE t'),
      },
    ],
    [
      'R-17: without inserts',
      {
        code: 'GAP_PUBLICATION',
        happen: noticed(
          `ALTER PUBLICATION certyo_cdc SET (publish = 'update, delete, truncate')`,
          LOST_ROW,
        ),
        repair: (it) =>
          run(
            it,
            `ALTER PUBLICATION certyo_cdc SET (publish = 'insert, update, delete, truncate')`,
          ),
      },
    ],
    [
      'R-17: dropped and made again',
      {
        code: 'GAP_PUBLICATION',
        happen: noticed('DROP PUBLICATION certyo_cdc', LOST_ROW, again),
      },
    ],
    [
      'R-17: the table removed and added again',
      {
        code: 'GAP_PUBLICATION',
        happen: noticed(
          'ALTER PUBLICATION certyo_cdc DROP TABLE t',
          LOST_ROW,
          'ALTER PUBLICATION certyo_cdc ADD TABLE t',
        ),
      },
    ],
  ])('%s', (_name, damage) => expectGap(damage, watched), TIME_MS);
});

describe('the server', () => {
  test(
    'R-13: put back to a copy of its files that is older than the checkpoint',
    async () => {
      const servers = new WeakMap<Watched, PostgresServer>();
      const damage: Damage = {
        code: 'GAP_POSITION_AHEAD',
        happen: async (it) => {
          const server = servers.get(it);
          if (server === undefined) throw new Error('The server is not known.');
          await server.crash();
          await rm(server.dataDirectory, { recursive: true });
          execFileSync('mv', [`${server.dataDirectory}.copy`, server.dataDirectory]);
          await server.start();
        },
      };
      await expectGap(damage, async () => {
        const it = await ownServer()();
        const { server } = it;
        await server.stop();
        execFileSync('cp', ['-a', server.dataDirectory, `${server.dataDirectory}.copy`]);
        await server.start();
        servers.set(it, server);
        return it;
      });
    },
    TIME_MS,
  );

  test(
    'R-13, R-26: restored from a base backup to a point before the checkpoint',
    async () => {
      const restores = new WeakMap<Watched, () => Promise<void>>();
      const damage: Damage = {
        code: 'GAP_TIMELINE',
        happen: (it) => restores.get(it)?.() ?? Promise.reject(new Error('Nothing to restore.')),
      };
      await expectGap(damage, () => restorable(restores));
    },
    TIME_MS,
  );
});

/** The pipeline's address leads to the server, and to the one that is restored from its backup once it was. */
async function restorable(restores: WeakMap<Watched, () => Promise<void>>): Promise<Watched> {
  const server = await startPostgres({ major });
  const it = await watched(server);
  const backup = await startPostgres({ standbyOf: server });
  // It replays to here and no further, as with recovery_target_lsn.
  await expect
    .poll(() => backup.query('SELECT 1 FROM pg_database WHERE datname = $1', [it.db.database]))
    .toHaveLength(1);
  const { lsn } = (
    await server.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn')
  )[0] ?? {
    lsn: '0/0',
  };
  await expect
    .poll(() => backup.query('SELECT 1 WHERE pg_last_wal_replay_lsn() >= $1::pg_lsn', [lsn]))
    .toHaveLength(1);
  await backup.query(`ALTER SYSTEM SET primary_conninfo = ''`);
  await backup.query('SELECT pg_reload_conf()');
  await expect.poll(() => backup.query('SELECT 1 FROM pg_stat_wal_receiver')).toEqual([]);
  const proxy = await faultProxy({ target: { host: server.host, port: server.port } });
  const { db } = it;
  it.always = { connection: db.url.replace(`:${server.port}/`, `:${proxy.port}/`) };
  const restored: Watched = Object.assign(it, {
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await backup[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  });
  restores.set(restored, async () => {
    await server.crash();
    await backup.promote();
    proxy.retarget({ host: backup.host, port: backup.port });
    const client = await backup.client({ database: db.database });
    Object.assign(restored, { db: { ...db, query: queryOf(client) } });
    // So that the checkpoint's position exists in the new history as well, with other content.
    await client.query(LOST_ROW);
    await client.query('SELECT pg_switch_wal()');
    await client.query('INSERT INTO t VALUES (51)');
  });
  return restored;
}

type Client = Awaited<ReturnType<PostgresServer['client']>>;

function queryOf(client: Client): Watched['db']['query'] {
  return async (sql, values = []) => {
    const { rows } = await client.query(sql, [...values]);
    return rows as never;
  };
}

describe('none of these', () => {
  test('is a change that another table of the publication sees: it goes on with nothing lost', async () => {
    await using it = await watched();
    await deliverBefore(it);
    await run(it, 'ALTER PUBLICATION certyo_cdc ADD TABLE u');
    await run(it, 'INSERT INTO t VALUES (4)');
    await using pipeline = it.pipeline();
    await pipeline.start();
    await run(it, 'ALTER PUBLICATION certyo_cdc DROP TABLE u');
    await run(it, 'INSERT INTO t VALUES (5)');
    await pipeline.caughtUp();
    expect(told(it)).toEqual(inserts([...BEFORE, 4, 5]));
  });
});
