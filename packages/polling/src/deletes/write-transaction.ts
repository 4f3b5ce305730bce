import type { SqlExecutor, SqlSession } from '@certyo-cdc/postgres';

/**
 * Runs `work` in a transaction that may write, whatever the role's default is (`default_transaction_read_only`), and whose
 * COMMIT is on disk when it is answered.
 */
export async function writeTransaction<T>(
  session: SqlSession,
  signal: AbortSignal,
  work: (executor: SqlExecutor) => Promise<T>,
): Promise<T> {
  return await session.transaction(
    async (executor) => {
      await executor.query('SET TRANSACTION READ WRITE', [], { signal });
      await executor.query(
        "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') = 'off'",
        [],
        { signal },
      );
      return await work(executor);
    },
    { signal },
  );
}
