import type { SqlExecutor } from '../connection/sql-executor.ts';

/**
 * A COMMIT must be on disk when it is answered, also for a role or database with `synchronous_commit = off`: the slot is
 * acknowledged after it. Stronger settings stay.
 */
export async function makeDurable(executor: SqlExecutor, signal: AbortSignal): Promise<void> {
  await executor.query(
    "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE pg_catalog.current_setting('synchronous_commit') = 'off'",
    [],
    { signal },
  );
}
