import type { PostgresAccess, TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { PollingSourceOptions } from '../options.ts';
import { type PollingSource, pollingSource } from '../polling-source.ts';

type Options = Omit<PollingSourceOptions, 'connection'> & {
  readonly connection?: string | undefined;
};

/** A source over a database of one's own; times are short. */
export function sourceOf(
  database: Pick<TestDatabase, 'database' | 'url'>,
  options: Options,
): PollingSource {
  return pollingSource({
    connection: database.url,
    intervalMs: { min: 5, max: 50 },
    leaseWaitMs: 5_000,
    reconnect: { minDelayMs: 10, maxDelayMs: 200 },
    ...options,
  });
}

export interface Captured extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: PollingSource;
}

/** A database on the shared server, or on `server`, with these statements run and the source set up. */
export async function captured(
  statements: readonly string[],
  options: Options,
  server?: PostgresAccess,
): Promise<Captured> {
  const db = server === undefined ? await testDatabase() : await server.createDatabase();
  for (const statement of statements) await db.query(statement);
  const source = sourceOf(db, options);
  await source.setup();
  return { db, source, [Symbol.asyncDispose]: () => db[Symbol.asyncDispose]() };
}
