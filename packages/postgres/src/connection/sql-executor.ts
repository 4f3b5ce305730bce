import type { SqlParameter, SqlResult, SqlRow } from './text-query.ts';

/** Runs statements on one connection, with pinned settings. */
export interface SqlExecutor {
  /**
   * Runs one statement; values come as PostgreSQL's text.
   *
   * Rejects with `SourceConnectionError` when the connection is lost, with `signal.reason` on abort (the statement is
   * cancelled then), else with an error that has SQLSTATE in `code` and holds no row values.
   */
  query<Row = SqlRow>(
    text: string,
    parameters: readonly SqlParameter[],
    options: { readonly signal: AbortSignal },
  ): Promise<SqlResult<Row>>;
}

/** Plain SQL over a connection of its own or over the caller's pool. */
export interface SqlSession extends SqlExecutor {
  /** Runs `work` in one READ COMMITTED transaction: commits what it resolves, rolls back when it rejects. */
  transaction<T>(
    work: (executor: SqlExecutor) => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T>;
  /** Closes what the session opened; a caller's pool stays open. Idempotent. */
  close(): Promise<void>;
}

/** Options of `sqlSession`. */
export interface SqlSessionOptions {
  readonly applicationName?: string | undefined;
  /** Time after which the server cancels a statement. @default none */
  readonly statementTimeoutMs?: number | undefined;
  /**
   * Time after which an own connection that does not answer counts as lost, milliseconds: a half-open connection would
   * otherwise hold up a statement until TCP gives up, which takes minutes. For statements that are known to be short.
   * @default none
   */
  readonly answerTimeoutMs?: number | undefined;
}
