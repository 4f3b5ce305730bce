import { existsSync } from 'node:fs';

import { Client } from 'pg';
import { describe, expect, inject, test } from 'vitest';

import { childrenOf, processStart } from './process-table.ts';
import { startPostgres } from './start-postgres.ts';

const major = inject('postgresMajor');

describe('startPostgres', () => {
  test('starts the asked major with logical decoding and without losing synchronous commit', async () => {
    await using server = await startPostgres({ major, settings: { wal_sender_timeout: '3s' } });
    expect(server.major).toBe(major);
    expect(server.version).toMatch(new RegExp(`^${major}\\.`));
    const rows = await server.query<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings WHERE name IN
         ('wal_level', 'fsync', 'synchronous_commit', 'max_replication_slots', 'wal_sender_timeout')`,
    );
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      wal_level: 'logical',
      fsync: 'off',
      synchronous_commit: 'on',
      max_replication_slots: '50',
      wal_sender_timeout: '3000',
    });
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.end();
  });

  test('every server has a system identifier of its own', async () => {
    await using one = await startPostgres({ major });
    await using two = await startPostgres({ major });
    const sql = 'SELECT system_identifier::text AS id FROM pg_control_system()';
    const [[first], [second]] = [
      await one.query<{ id: string }>(sql),
      await two.query<{ id: string }>(sql),
    ];
    expect(first?.id).toMatch(/^\d{15,}$/);
    expect(first?.id).not.toBe(second?.id);
  });

  test('a crash kills every process, and what was committed is there after the restart', async () => {
    await using server = await startPostgres({ major });
    await using database = await server.createDatabase();
    await database.query('CREATE TABLE t (id int PRIMARY KEY)');
    await database.query(
      "SELECT pg_create_logical_replication_slot('s_' || current_database(), 'pgoutput')",
    );
    const busy = await database.client();
    const failure = busy.query('SELECT pg_sleep(600)').then(
      () => null,
      (error: unknown) => error,
    );
    await database.query('INSERT INTO t SELECT generate_series(1, 1000)');
    const { pid, port } = server;
    if (pid === null) throw new Error('not running');
    const processes = [pid, ...childrenOf(pid)];
    expect(processes.length).toBeGreaterThan(3);
    await server.crash();
    expect(processes.map(processStart)).toEqual(processes.map(() => null));
    expect(server.pid).toBeNull();
    expect(await failure).toBeInstanceOf(Error);
    await server.start();
    expect(server.port).toBe(port);
    const [row] = await database.query<{ rows: string; slots: string }>(
      'SELECT (SELECT count(*) FROM t) AS rows, (SELECT count(*) FROM pg_replication_slots) AS slots',
    );
    expect(row).toEqual({ rows: '1000', slots: '1' });
    expect(server.log()).toContain('database system was not properly shut down');
  });

  test('stops in order, restarts with other settings and keeps them', async () => {
    await using server = await startPostgres({ major });
    const show = async (): Promise<string | undefined> =>
      (await server.query<{ wal_level: string }>('SHOW wal_level'))[0]?.wal_level;
    await server.restart({ wal_level: 'replica' });
    expect(await show()).toBe('replica');
    await server.stop('immediate');
    await server.start();
    expect(await show()).toBe('replica');
    await server.stop('smart');
    expect(server.pid).toBeNull();
    await expect(server.client()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.start();
    expect(await show()).toBe('replica');
  });

  test('ALTER SYSTEM is not overruled by the harness', async () => {
    await using server = await startPostgres({ major });
    await server.query("ALTER SYSTEM SET wal_sender_timeout = '7s'");
    await server.query('SELECT pg_reload_conf()');
    await expect
      .poll(() => server.query('SHOW wal_sender_timeout'))
      .toEqual([{ wal_sender_timeout: '7s' }]);
  });

  test('a paused server answers nothing and keeps its connections', async () => {
    await using server = await startPostgres({ major });
    const client = await server.client();
    server.pause();
    let isAnswered = false;
    const answer = client.query('SELECT 1').finally(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isAnswered).toBe(false);
    server.resume();
    expect((await answer).rowCount).toBe(1);
  });

  test('a paused server can be disposed of', async () => {
    const server = await startPostgres({ major });
    server.pause();
    await server[Symbol.asyncDispose]();
    expect(server.pid).toBeNull();
  });

  test('asks for the password over TCP, checked by SCRAM', async () => {
    await using server = await startPostgres({ major, password: "it's\\secret" });
    await using database = await server.createDatabase();
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const tcp = await database.client();
    expect((await tcp.query('SELECT current_user AS name')).rows).toEqual([{ name: 'postgres' }]);
    const [role] = await server.query<{ kind: string }>(
      "SELECT left(rolpassword, 13) AS kind FROM pg_authid WHERE rolname = 'postgres'",
    );
    expect(role?.kind).toBe('SCRAM-SHA-256');
    await expect(server.client({ password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });

  test('puts the given lines of pg_hba.conf first', async () => {
    await using server = await startPostgres({
      major,
      hba: ['host all refused 127.0.0.1/32 reject'],
    });
    await server.query('CREATE ROLE refused LOGIN');
    await expect(server.client({ user: 'refused' })).rejects.toMatchObject({ code: '28000' });
  });

  test('disposing ends connections, removes the files and may be repeated', async () => {
    const server = await startPostgres({ major, storage: 'disk' });
    const client = await server.client();
    const ended = new Promise<void>((resolve) => {
      client.once('end', resolve);
    });
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await ended;
    expect(existsSync(server.socketDirectory)).toBe(false);
    await expect(server.start()).rejects.toThrow('disposed of');
  });

  test('says what the server logged when it does not start, and leaves nothing behind', async () => {
    await expect(startPostgres({ major, settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start:[^]*invalid value for parameter "shared_buffers"/,
    );
  });

  test('takes no signal that is aborted', async () => {
    const reason = new Error('enough');
    await expect(startPostgres({ major, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
