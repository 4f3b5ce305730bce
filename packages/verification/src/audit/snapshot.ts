import type { SqlExecutor, SqlSession } from '@certyo-cdc/postgres';

/** Time-outs of role or database that would end a long look. Some are younger than others. */
const NO_TIMEOUTS_SQL = `SELECT pg_catalog.set_config(s.name, '0', true) FROM pg_catalog.pg_settings AS s
 WHERE s.name IN ('idle_in_transaction_session_timeout', 'transaction_timeout', 'statement_timeout', 'lock_timeout')`;

interface CallOptions {
  readonly signal: AbortSignal;
}

export interface SnapshotOptions {
  /** What another transaction has exported, and sees as long as it lasts; null for one of its own. */
  readonly snapshot: string | null;
  /** Tables that nobody may alter meanwhile, quoted. */
  readonly locks: readonly string[];
}

/**
 * Runs `work` in a read-only transaction whose statements all see the same, in which row security hides nothing but fails.
 *
 * Locks come before the snapshot: nothing can be written anew between the two, which an older snapshot would show as empty.
 */
export async function inSnapshot<T>(
  session: SqlSession,
  { locks, snapshot }: SnapshotOptions,
  work: (executor: SqlExecutor) => Promise<T>,
  options: CallOptions,
): Promise<T> {
  return session.transaction(async (executor) => {
    await executor.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY', [], options);
    for (const table of locks) {
      await executor.query(`LOCK TABLE ${table} IN ACCESS SHARE MODE`, [], options);
    }
    if (snapshot !== null) {
      // What `pg_export_snapshot` gave: hexadecimal digits and hyphens.
      await executor.query(`SET TRANSACTION SNAPSHOT '${snapshot}'`, [], options);
    }
    await executor.query('SET LOCAL row_security = off', [], options);
    await executor.query(NO_TIMEOUTS_SQL, [], options);
    return work(executor);
  }, options);
}

/** Gives the transaction's snapshot to others. */
export async function exportSnapshot(
  executor: SqlExecutor,
  options: CallOptions,
): Promise<{ readonly id: string; readonly takenAt: string }> {
  const { rows } = await executor.query<{ readonly id: string; readonly at: string }>(
    `SELECT pg_catalog.pg_export_snapshot() AS id, pg_catalog.to_char(pg_catalog.clock_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
    [],
    options,
  );
  return { id: rows[0]?.id ?? '', takenAt: rows[0]?.at ?? '' };
}
