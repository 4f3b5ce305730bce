import type { SqlExecutor, SqlRow } from '@certyo-cdc/postgres';

/** Runs one statement and gives its rows, every value as PostgreSQL's text. */
export type TextQuery = (
  sql: string,
  parameters?: readonly (string | readonly string[])[],
) => Promise<readonly SqlRow[]>;

export function textQuery(executor: SqlExecutor, signal: AbortSignal): TextQuery {
  return async (sql, parameters = []) => (await executor.query(sql, parameters, { signal })).rows;
}
