import type { PostgresAccess, TestDatabase } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';

import type { SqlSession } from '../../connection/sql-executor.ts';
import type { SequenceLog, SequenceLogOptions } from '../sequence-log.ts';
import { openSequenceLog } from '../sequence-log.ts';
import { LOG_TABLE_SQL, sessionOf } from './log-table.ts';

/** A log in a database of its own, open for reading. */
export interface OpenLog<Guard extends string> extends AsyncDisposable {
  readonly db: TestDatabase;
  readonly session: SqlSession;
  readonly log: SequenceLog<'note', Guard>;
}

/** Makes a database, on the shared server or on `server`, with the log, and opens it. */
export async function openLog<Guard extends string = never>(
  options: Partial<SequenceLogOptions<'note', Guard>> = {},
  server?: PostgresAccess,
): Promise<OpenLog<Guard>> {
  const db = server === undefined ? await testDatabase() : await server.createDatabase();
  await db.query(LOG_TABLE_SQL);
  const session = sessionOf(db);
  const log = openSequenceLog<'note', Guard>({
    session,
    table: { schema: 'public', name: 'log' },
    select: { note: 'note' },
    after: 0n,
    ...options,
  });
  return {
    db,
    session,
    log,
    async [Symbol.asyncDispose]() {
      await session.close();
      await db[Symbol.asyncDispose]();
    },
  };
}
