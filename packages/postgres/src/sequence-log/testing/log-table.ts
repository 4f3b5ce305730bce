import { resolveConnection } from '../../connection/resolve-connection.ts';
import type { SqlSession } from '../../connection/sql-executor.ts';
import { sqlSession } from '../../connection/sql-session.ts';
import type { SequenceLog, SequenceLogOptions, SequenceLogPage } from '../sequence-log.ts';
import { openSequenceLog } from '../sequence-log.ts';

/** Makes the table `log` in schema public, as a change log is made. */
export const LOG_TABLE_SQL = `
  CREATE SEQUENCE log_sequence CACHE 1;
  CREATE TABLE log (
    sequence int8 PRIMARY KEY DEFAULT pg_catalog.nextval('log_sequence'),
    xid int8 NOT NULL DEFAULT pg_catalog.txid_current(),
    note text
  );`;

export type TestLog = SequenceLog<'note'>;
export type TestPage = SequenceLogPage<'note'>;

/** Opens the log of `LOG_TABLE_SQL`. */
export function testLog(
  session: SqlSession,
  options: Partial<SequenceLogOptions<'note'>> = {},
): TestLog {
  return openSequenceLog({
    session,
    table: { schema: 'public', name: 'log' },
    select: { note: 'note' },
    after: 0n,
    ...options,
  });
}

/** A session of a test database. */
export function sessionOf(database: { readonly url: string }): SqlSession {
  return sqlSession(resolveConnection(database.url, {}));
}

/** The notes of a page. */
export function notes(page: TestPage): readonly (string | null)[] {
  return page.rows.map((row) => row.values.note);
}
