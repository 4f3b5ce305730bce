import type { PostgresServer, TestDatabase } from '@certyo-cdc/testing';
import { openWireTap, type WireTap } from './wire-tap.ts';

/** What the server itself says to START_REPLICATION with options that the library may not use, or to a statement. */
export interface ServerAnswer {
  /** The SQLSTATE that it was refused with; null when it was not. */
  readonly refusal: string | null;
  readonly seen: ReadonlyMap<string, number>;
}

const sqlState = (error: unknown): string => {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  throw error;
};

/** Streams a table `t (id int PRIMARY KEY, v text)` with the plugin's options as they are. */
export async function askServer(
  server: PostgresServer,
  pluginOptions: string,
  write: (db: TestDatabase, tap: WireTap) => Promise<void>,
): Promise<ServerAnswer> {
  await using db = await server.createDatabase();
  await using tap = await openWireTap(server);
  await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await db.query('CREATE PUBLICATION p FOR TABLE t');
  if (server.major >= 13) await db.query(LEAST_MEMORY);
  await db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [db.database]);
  const connection = new URL(db.url);
  connection.port = String(tap.port);
  connection.searchParams.set('replication', 'database');
  const client = await db.client({ connectionString: connection.href });
  const refused = client
    .query(
      `START_REPLICATION SLOT "${db.database}" LOGICAL 0/0 (publication_names 'p', ${pluginOptions})`,
    )
    .then(() => null, sqlState);
  const started = new Promise<null>((resolve) => {
    client.connection.once('copyBothResponse', () => resolve(null));
    // Some options are refused only when the first change is there.
    client.connection.once('copyData', () => resolve(null));
  });
  const refusal = await Promise.race([refused, started]);
  if (refusal === null) await write(db, tap);
  client.connection.stream.destroy();
  return { refusal, seen: tap.seen };
}

/** Runs statements; the SQLSTATE of the one that is refused. */
export async function askStatements(
  server: PostgresServer,
  statements: readonly string[],
): Promise<string | null> {
  await using db = await server.createDatabase();
  await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await db.query('CREATE SCHEMA s');
  await db.query('CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)');
  try {
    for (const statement of statements) await db.query(statement.replaceAll('$slot', db.database));
    return null;
  } catch (error) {
    return sqlState(error);
  }
}

/** Transactions are streamed as early as they can be. */
export const LEAST_MEMORY = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = %L', current_database(), '64kB');
END $$`;
