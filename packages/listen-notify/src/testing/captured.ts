import type { PostgresAccess, TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import type { DurableSource } from '../durable-source.ts';
import { listenNotifySource } from '../listen-notify-source.ts';
import type { DurableSourceOptions } from '../options.ts';

type Options = Omit<DurableSourceOptions, 'connection'> & {
  readonly connection?: string | undefined;
};

/** A source over a database of one's own; times are short. */
export function sourceOf(database: Pick<TestDatabase, 'url'>, options: Options): DurableSource {
  return listenNotifySource({
    connection: database.url,
    leaseWaitMs: 5_000,
    reconnect: { minDelayMs: 10, maxDelayMs: 200 },
    ...options,
  });
}

export interface Captured extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: DurableSource;
}

/** A database on the shared server, or on `server`, with these statements run and the source set up. */
export async function captured(
  statements: readonly string[],
  options: Options,
  server?: PostgresAccess,
): Promise<Captured> {
  const db = server === undefined ? await testDatabase() : await server.createDatabase();
  for (const statement of statements) await db.query(statement);
  await sourceOf(db, { ...options, connection: db.url }).setup();
  return {
    db,
    source: sourceOf(db, options),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}
