import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  Client,
  type ClientConfig,
  escapeIdentifier,
  escapeLiteral,
  type QueryResultRow,
} from 'pg';

import type { PostgresAddress } from './postgres-address.ts';

/** A database of one's own on a shared server. Slots and the database itself go when it is disposed of. */
export interface TestDatabase extends PostgresAddress, AsyncDisposable {
  readonly database: string;
  /** URL with user, password and database. */
  readonly url: string;
  /** Runs one statement on a connection kept for this purpose. */
  query<Row extends QueryResultRow = QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  /** A new connection to this database; it is ended when the database is disposed of. */
  client(config?: ClientConfig): Promise<Client>;
}

/** The URL of a database. */
export function postgresUrl(
  address: PostgresAddress,
  database: string,
  user: string = address.user,
  password: string | null = address.password,
): string {
  const login = [user, password].filter((part) => part !== null).map(encodeURIComponent);
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `postgresql://${login.join(':')}@${host}:${address.port}/${encodeURIComponent(database)}`;
}

/** Connects and lets a connection that breaks later be noticed by its next query, not by an uncaught error. */
export async function connect(
  address: PostgresAddress,
  database: string,
  config: ClientConfig = {},
): Promise<Client> {
  const client = new Client({
    host: address.host,
    port: address.port,
    user: address.user,
    ...(address.password === null ? {} : { password: address.password }),
    database,
    ...config,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const END_TIMEOUT_MS = 1000;

/** Ends a connection, also one that is broken already or whose server does not answer. */
export async function end(client: Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), END_TIMEOUT_MS);
  try {
    await client.end();
  } catch {
    // It was broken: that is an end too.
  } finally {
    clearTimeout(timer);
  }
}

const DROP_DEADLINE_MS = 60_000;

/** Rolls back what was prepared in a database and never decided: it would keep the database, and hold up the server. */
async function rollBackPrepared(
  admin: Client,
  address: PostgresAddress,
  database: string,
  adminHost: string,
): Promise<void> {
  const { rows } = await admin.query<{ gid: string }>(
    'SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = $1',
    [database],
  );
  if (rows.length === 0) return;
  // Only from within the same database.
  const inside = await connect(address, database, { host: adminHost });
  try {
    for (const { gid } of rows) await inside.query(`ROLLBACK PREPARED ${escapeLiteral(gid)}`);
  } finally {
    await end(inside);
  }
}

/** Drops a database with its replication slots and prepared transactions, whoever uses them. */
async function dropDatabase(
  address: PostgresAddress,
  database: string,
  adminHost: string,
): Promise<void> {
  const admin = await connect(address, 'postgres', { host: adminHost });
  const deadline = Date.now() + DROP_DEADLINE_MS;
  try {
    for (;;) {
      try {
        // A client may come back between two of these statements: then all is done again.
        await admin.query(
          `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
            WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()
            UNION ALL
           SELECT pg_catalog.pg_terminate_backend(active_pid) FROM pg_catalog.pg_replication_slots
            WHERE database = $1 AND active_pid IS NOT NULL`,
          [database],
        );
        await rollBackPrepared(admin, address, database, adminHost);
        // Slots that nobody uses any more go with it.
        await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(database)}`);
        return;
      } catch (error) {
        const { code } = error as { readonly code?: string };
        // Object in use: somebody is not yet gone.
        if (code !== '55006' || Date.now() > deadline) throw error;
        await sleep(20);
      }
    }
  } finally {
    await end(admin);
  }
}

/** Makes an empty database with a random name. `adminHost` is where the harness itself connects. */
export async function createDatabase(
  address: PostgresAddress,
  adminHost: string = address.host,
): Promise<TestDatabase> {
  const database = `test_${randomBytes(6).toString('hex')}`;
  const admin = await connect(address, 'postgres', { host: adminHost });
  try {
    await admin.query(`CREATE DATABASE ${escapeIdentifier(database)}`);
  } finally {
    await end(admin);
  }
  const clients: Client[] = [];
  let main: Promise<Client> | null = null;
  const openMain = async (): Promise<Client> => {
    const opened = await client({ host: adminHost });
    // After a crash of the server the next query makes a new connection.
    opened.once('end', () => {
      main = null;
    });
    return opened;
  };
  const client = async (config?: ClientConfig): Promise<Client> => {
    const opened = await connect(address, database, config);
    clients.push(opened);
    return opened;
  };
  let disposed: Promise<void> | null = null;
  const dispose = async (): Promise<void> => {
    await Promise.all(clients.map(end));
    await dropDatabase(address, database, adminHost);
  };
  const { major, host, port, user, password } = address;
  return {
    major,
    host,
    port,
    user,
    password,
    database,
    url: postgresUrl(address, database),
    client,
    async query<Row extends QueryResultRow>(
      sql: string,
      values: readonly unknown[] = [],
    ): Promise<Row[]> {
      main ??= openMain();
      const { rows } = await (await main).query<Row>(sql, [...values]);
      return rows;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      disposed ??= dispose();
      await disposed;
    },
  };
}
