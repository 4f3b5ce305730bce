import { SourceConnectionError } from '@certyo-cdc/core';
import { type SqlExecutor, sqlStateOf } from '@certyo-cdc/postgres';

/** Longest wait for a lock on a table, milliseconds. */
const LOCK_TIMEOUT_MS = 10_000;

/** A statement gave up waiting for a lock. */
const LOCK_NOT_AVAILABLE = '55P03';

// A prepared transaction holds locks without a process; its number is another of its locks. https://www.postgresql.org/docs/current/view-pg-locks.html
const LOCKED_SQL = `
  SELECT n.nspname || '.' || c.relname AS name, l.pid::text AS pid, p.gid
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class c ON c.oid = l.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
    LEFT JOIN pg_catalog.pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
         AND x.granted AND x.virtualtransaction = l.virtualtransaction
    LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
   WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock'
     AND c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%'
   ORDER BY 1, 2 LIMIT 5`;

/** Limits how long a session's statements wait for a lock. The server needs one to describe what a publication sends. */
export function limitLocksSql(deadAfterMs: number | false): string {
  const longest = deadAfterMs === false ? LOCK_TIMEOUT_MS : (deadAfterMs * 2) / 3;
  return `SET lock_timeout = ${Math.max(1, Math.floor(Math.min(LOCK_TIMEOUT_MS, longest)))}`;
}

/** Whether a statement failed because it waited too long for a lock. */
export function waitedForLock(error: unknown): boolean {
  return sqlStateOf(error) === LOCK_NOT_AVAILABLE;
}

/** Says which table is locked, and by whom. */
export async function lockedError(
  session: SqlExecutor,
  cause: unknown,
  { signal }: { readonly signal: AbortSignal },
): Promise<SourceConnectionError> {
  const { rows } = await session.query<{
    readonly name: string;
    readonly pid: string | null;
    readonly gid: string | null;
  }>(LOCKED_SQL, [], { signal });
  const holders = rows.map(({ gid, name, pid }) => {
    const holder = gid === null ? `the server process ${pid ?? '?'}` : `a prepared transaction`;
    return `${name} by ${holder}`;
  });
  const first = rows[0];
  const remedy =
    first === undefined
      ? 'Wait until that transaction has ended.'
      : first.gid === null
        ? `Wait until it has ended, or run: SELECT pg_terminate_backend(${first.pid ?? ''});`
        : `Decide about it: ROLLBACK PREPARED or COMMIT PREPARED '${first.gid.replaceAll("'", "''")}';`;
  return new SourceConnectionError(
    'SOURCE_BUSY',
    `A table is locked, and cannot be looked at before that ends${holders.length === 0 ? '' : `: ${holders.join(', ')}`}.`,
    { cause, remedy },
  );
}
