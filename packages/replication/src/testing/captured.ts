import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import type { PostgresAccess, TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { normalizeReplicationOptions } from '../normalize-options.ts';
import type { ReplicationSourceOptions } from '../options.ts';
import { type ReplicationSource, replicationSource } from '../replication-source.ts';
import { missingStatements, runStatements } from '../setup/setup.ts';

/** Lets the walsenders of the database stream, or spill, a transaction as early as they can. */
export const LEAST_DECODING_MEMORY = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET logical_decoding_work_mem = %L', current_database(), '64kB');
END $$`;

type Options = Omit<ReplicationSourceOptions, 'connection'> & {
  readonly connection?: string | undefined;
};

/** Options of a source over a database of one's own, with a slot of its own; times are short. */
export function optionsOf(
  database: Pick<TestDatabase, 'database' | 'url'>,
  options: Options,
): ReplicationSourceOptions {
  return {
    connection: database.url,
    slot: database.database,
    slotWaitMs: 5_000,
    reconnect: { minDelayMs: 10, maxDelayMs: 200 },
    ...options,
  };
}

export function sourceOf(
  database: Pick<TestDatabase, 'database' | 'url'>,
  options: Options,
): ReplicationSource {
  return replicationSource(optionsOf(database, options));
}

/** Makes publication and slot, without the tables for state, which streams do not need. */
export async function setUp(options: ReplicationSourceOptions): Promise<void> {
  const settings = normalizeReplicationOptions(options);
  const { signal } = new AbortController();
  const session = sqlSession(resolveConnection(options.connection));
  try {
    await runStatements(session, await missingStatements(session, settings, { signal }), {
      signal,
    });
  } finally {
    await session.close();
  }
}

export interface Captured extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: ReplicationSource;
}

/** A database on the shared server, or on `server`, with these statements run and the source set up. */
export async function captured(
  statements: readonly string[],
  options: Options,
  server?: PostgresAccess,
): Promise<Captured> {
  const db = server === undefined ? await testDatabase() : await server.createDatabase();
  for (const statement of statements) await db.query(statement);
  const all = optionsOf(db, options);
  await setUp({ ...all, connection: db.url });
  return {
    db,
    source: replicationSource(all),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}
