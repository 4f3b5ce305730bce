import { getEventListeners } from 'node:events';

import { faultProxy, startPostgres } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';

import { withPinnedSettings } from './pinned-transaction.ts';
import { resolveConnection } from './resolve-connection.ts';
import type { SqlSession } from './sql-executor.ts';
import { sqlSession } from './sql-session.ts';

const never = { signal: new AbortController().signal };
const SLEEPING =
  "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'";

/** Runs a test over an own connection and over a pool. */
async function overBoth(work: (session: SqlSession, kind: string) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  const pool = new pg.Pool({ connectionString: database.url });
  // `end()` does not wait for its connections: the database may be dropped under them.
  pool.on('error', () => undefined);
  const sessions = { own: sqlSession(resolveConnection(database.url, {})), pool: sqlSession(pool) };
  try {
    for (const [kind, session] of Object.entries(sessions)) await work(session, kind);
  } finally {
    await sessions.own.close();
    await sessions.pool.close();
    await sessions.pool.close();
    await pool.end();
  }
}

describe('sqlSession', () => {
  test('gives text under pinned settings, and leaves the pool as it was', async () => {
    await using database = await testDatabase();
    await database.query(`ALTER DATABASE ${database.database} SET timezone = 'Asia/Kolkata'`);
    await database.query(`ALTER DATABASE ${database.database} SET datestyle = 'SQL, DMY'`);
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    // `end()` does not wait for its connections: the database may be dropped under them.
    pool.on('error', () => undefined);
    const session = sqlSession(pool);
    const own = sqlSession(resolveConnection(database.url, {}));
    const sql = "SELECT '2026-02-01 00:00:00+00'::timestamptz AS stamp, $1::int8 AS number";
    try {
      for (const each of [session, own]) {
        const { rows } = await each.query(sql, [2n ** 62n], never);
        expect({ ...rows[0] }).toEqual({
          stamp: '2026-02-01 00:00:00+00',
          number: '4611686018427387904',
        });
      }
      const { rows } = await pool.query<{ TimeZone: string }>('SHOW TimeZone');
      expect(rows[0]?.TimeZone).toBe('Asia/Kolkata');
      const client = await pool.connect();
      const stamp = await withPinnedSettings(
        client,
        async (executor) => (await executor.query(sql, [1], never)).rows[0]?.['stamp'],
        never,
      );
      client.release();
      expect(stamp).toBe('2026-02-01 00:00:00+00');
    } finally {
      await session.close();
      await own.close();
      await pool.end();
    }
  });

  test('T-18: a column may have any name', async () => {
    await overBoth(async (session) => {
      const { rows, columns } = await session.query(
        'SELECT 1 AS "__proto__", 2 AS "constructor"',
        [],
        never,
      );
      expect(columns).toEqual(['__proto__', 'constructor']);
      expect(Object.entries(rows[0] ?? {})).toEqual([
        ['__proto__', '1'],
        ['constructor', '2'],
      ]);
      expect(Object.getPrototypeOf(rows[0])).toBeNull();
    });
  });

  test('commits what resolves, rolls back what rejects, and refuses statements after the end', async () => {
    await overBoth(async (session, kind) => {
      await session.query(
        `CREATE TABLE t_${kind} (id int PRIMARY KEY)`.replace('t_', 'public.t_'),
        [],
        never,
      );
      const table = `public.t_${kind}`;
      await session.transaction(
        (tx) => tx.query(`INSERT INTO ${table} VALUES (1)`, [], never),
        never,
      );
      const failing = session.transaction(async (tx) => {
        await tx.query(`INSERT INTO ${table} VALUES (2)`, [], never);
        await tx.query(`INSERT INTO ${table} VALUES (1)`, [], never);
      }, never);
      await expect(failing).rejects.toMatchObject({ name: 'PostgresServerError', code: '23505' });
      const thrown = new Error('mine');
      const throwing = session.transaction(async (tx) => {
        await tx.query(`INSERT INTO ${table} VALUES (3)`, [], never);
        throw thrown;
      }, never);
      await expect(throwing).rejects.toBe(thrown);
      const { rows } = await session.query(`SELECT id FROM ${table}`, [], never);
      expect(rows.map((row) => row['id'])).toEqual(['1']);
      const escaped = await session.transaction((tx) => Promise.resolve(tx), never);
      await expect(escaped.query('SELECT 1', [], never)).rejects.toThrow('transaction is over');
    });
  });

  test('I12: an abort rejects with its reason at once, cancels the statement, and the session goes on', async () => {
    await overBoth(async (session, kind) => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const sleeping = session.query('SELECT pg_sleep(60)', [], { signal: controller.signal });
      const outcome = sleeping.catch((error: unknown) => error);
      if (kind === 'own') {
        await using other = await testDatabase();
        await expect.poll(() => other.query(SLEEPING)).toHaveLength(1);
        controller.abort(reason);
        expect(await outcome).toBe(reason);
        await expect.poll(() => other.query(SLEEPING)).toHaveLength(0);
      } else {
        controller.abort(reason);
        expect(await outcome).toBe(reason);
      }
      const { rows } = await session.query('SELECT 1 AS one', [], never);
      expect(rows[0]?.['one']).toBe('1');
      const aborted = session.query('SELECT 1', [], { signal: AbortSignal.abort(reason) });
      await expect(aborted).rejects.toBe(reason);
    });
  });

  test('D-07: connections that end while idle or at work give a retryable error, and the next call works', async () => {
    await using server = await startPostgres({ major: inject('postgresMajor') });
    const pool = new pg.Pool({ connectionString: server.url });
    // `end()` does not wait for its connections: the database may be dropped under them.
    pool.on('error', () => undefined);
    const sessions = [sqlSession(resolveConnection(server.url, {})), sqlSession(pool)];
    try {
      for (const session of sessions) {
        await session.query('SELECT 1', [], never);
        const working = session
          .query('SELECT pg_sleep(60)', [], never)
          .catch((error: unknown) => error);
        await expect
          .poll(() => server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
          .toHaveLength(1);
        await server.crash();
        expect(await working).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
        const away = session.query('SELECT 1', [], never);
        await expect(away).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true });
        await server.start();
        expect((await session.query('SELECT 1', [], never)).rows).toHaveLength(1);
        // Idle now: the restart ends it.
        await server.restart();
        await expect
          .poll(() =>
            session.query('SELECT 1', [], never).then(
              (result) => result.rowCount,
              () => 0,
            ),
          )
          .toBe(1);
      }
    } finally {
      await Promise.all(sessions.map((session) => session.close()));
      await pool.end();
    }
  });

  test('I12: no listener stays on the signal of a caller', async () => {
    const { signal } = new AbortController();
    await overBoth(async (session) => {
      await session.query('SELECT 1', [], { signal });
      await session.query('SELECT nothing', [], { signal }).catch(() => {});
      await session.transaction((tx) => tx.query('SELECT 1', [], { signal }), { signal });
    });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('many calls at once with one signal make Node warn of no leak of listeners', async () => {
    const warnings: Error[] = [];
    // Files share a process: a warning may come from what an earlier one did.
    const keep = (warning: Error): void => {
      if (warning.name === 'MaxListenersExceededWarning') warnings.push(warning);
    };
    process.on('warning', keep);
    try {
      const { signal } = new AbortController();
      await overBoth(async (session) => {
        await Promise.all(
          Array.from({ length: 40 }, () =>
            session.transaction((tx) => tx.query('SELECT 1', [], { signal }), { signal }),
          ),
        );
      });
    } finally {
      process.off('warning', keep);
    }
    expect(warnings).toEqual([]);
  });

  test('close ends what runs and what waits, and refuses the rest', async () => {
    await using database = await testDatabase();
    const session = sqlSession(resolveConnection(database.url, {}));
    const running = session
      .query('SELECT pg_sleep(60)', [], never)
      .catch((error: unknown) => error);
    const waiting = session.query('SELECT 1', [], never).catch((error: unknown) => error);
    await expect.poll(() => database.query(SLEEPING)).toHaveLength(1);
    await session.close();
    for (const outcome of [await running, await waiting])
      expect(outcome).toMatchObject({ message: 'The session is closed.' });
    await expect(session.query('SELECT 1', [], never)).rejects.toThrow('closed');
    await expect.poll(() => database.query(SLEEPING)).toHaveLength(0);
    await session.close();
  });

  test('a server that takes the connection and never answers runs into connectTimeoutMs', async () => {
    await using database = await testDatabase();
    await using proxy = await faultProxy({ target: { host: database.host, port: database.port } });
    proxy.set({ blackhole: 'both' });
    const connection = resolveConnection(
      {
        host: proxy.host,
        port: proxy.port,
        user: 'postgres',
        database: 'postgres',
        connectTimeoutMs: 200,
      },
      {},
    );
    const session = sqlSession(connection);
    await expect(session.query('SELECT 1', [], never)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining('200 ms') as string,
    });
    await session.close();
  });

  test('a connection that goes silent in the middle is given up after answerTimeoutMs, and made again', async () => {
    await using database = await testDatabase();
    await using proxy = await faultProxy({ target: { host: database.host, port: database.port } });
    const { host, port } = proxy;
    const connection = resolveConnection(
      { host, port, user: 'postgres', database: 'postgres' },
      {},
    );
    const session = sqlSession(connection, { answerTimeoutMs: 2_000 });
    await session.query('SELECT 1', [], never);
    proxy.set({ blackhole: 'both' });
    await expect(session.query('SELECT 1', [], never)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      retryable: true,
      message: 'PostgreSQL did not answer within 2000 ms.',
    });
    await proxy.heal();
    expect((await session.query('SELECT 2 AS two', [], never)).rows).toMatchObject([{ two: '2' }]);
    await session.close();
  });
});
