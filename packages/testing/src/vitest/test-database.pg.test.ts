import { describe, expect, inject, test } from 'vitest';

import { connect, end, type TestDatabase } from '../postgres/test-database.ts';
import { startPostgres } from '../postgres/start-postgres.ts';
import { testDatabase } from './test-database.ts';

const server = inject('postgres');

async function remaining(sql: string, database: TestDatabase): Promise<unknown[]> {
  const admin = await connect(database, 'postgres');
  try {
    return (await admin.query(sql, [database.database])).rows;
  } finally {
    await end(admin);
  }
}

describe('testDatabase', () => {
  test('gives an empty database on the server of the running project', async () => {
    await using database = await testDatabase();
    const [row] = await database.query<{ name: string; version: string }>(
      "SELECT current_database() AS name, current_setting('server_version') AS version",
    );
    expect(row?.name).toBe(database.database);
    expect(row?.version).toMatch(new RegExp(`^${inject('postgresMajor')}\\.`));
    expect(database.major).toBe(inject('postgresMajor'));
    const client = await database.client({ connectionString: database.url });
    expect((await client.query('SELECT current_database() AS name')).rows).toEqual([
      { name: database.database },
    ]);
  });

  test('two are apart and can be made at once', async () => {
    const databases = await Promise.all([1, 2, 3, 4].map(testDatabase));
    expect(new Set(databases.map(({ database }) => database)).size).toBe(4);
    await Promise.all(databases.map(async (database) => database[Symbol.asyncDispose]()));
  });

  test('disposing drops slots, also one that streams, and the database that is in use', async () => {
    const database = await testDatabase();
    const foreign = await connect(server, database.database);
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    await database.query('CREATE PUBLICATION p FOR TABLE t');
    for (const name of ['idle', 'busy']) {
      await database.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [
        `${database.database}_${name}`,
      ]);
    }
    const walsender = await database.client({
      connectionString: `${database.url}?replication=database`,
    });
    const streaming = walsender
      .query(
        `START_REPLICATION SLOT "${database.database}_busy" LOGICAL 0/0
           (proto_version '1', publication_names 'p')`,
      )
      .catch(() => undefined);
    const active =
      'SELECT count(*)::int AS n FROM pg_replication_slots WHERE database = $1 AND active';
    await expect.poll(() => remaining(active, database)).toEqual([{ n: 1 }]);
    await database[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await streaming;
    await end(foreign);
    expect(
      await remaining('SELECT slot_name FROM pg_replication_slots WHERE database = $1', database),
    ).toEqual([]);
    expect(await remaining('SELECT datname FROM pg_database WHERE datname = $1', database)).toEqual(
      [],
    );
  });

  test('disposing rolls back what was prepared and never decided', async () => {
    await using own = await startPostgres({
      major: inject('postgresMajor'),
      settings: { max_prepared_transactions: 2 },
    });
    const database = await own.createDatabase();
    await database.query('CREATE TABLE t (id int)');
    await database.query("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it''s left'");
    await database[Symbol.asyncDispose]();
    expect(await remaining('SELECT datname FROM pg_database WHERE datname = $1', database)).toEqual(
      [],
    );
  });

  describe('the database of a test that is over', () => {
    let left: TestDatabase | undefined;

    test('is left behind', async () => {
      left = await testDatabase();
      const client = await left.client();
      await client.query('BEGIN; SELECT pg_current_xact_id()');
    });

    test('is gone', async () => {
      if (left === undefined) throw new Error('The test before this one has to run first.');
      expect(await remaining('SELECT datname FROM pg_database WHERE datname = $1', left)).toEqual(
        [],
      );
    });
  });

  test('its queries go on after their connection was cut', async () => {
    await using database = await testDatabase();
    const [row] = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await remaining(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
      database,
    );
    await expect
      .poll(
        async () =>
          (
            await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid').catch(() => [])
          )[0]?.pid ?? row?.pid,
      )
      .not.toBe(row?.pid);
  });
});
