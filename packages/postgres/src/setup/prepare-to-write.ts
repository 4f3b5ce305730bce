import { SourceConnectionError } from '@certyo-cdc/core';

import type { SqlExecutor } from '../connection/sql-executor.ts';
import { PostgresServerError } from '../sqlstate/postgres-error.ts';

/** Longest pause between two statements, milliseconds. */
const LONGEST_IDLE_MS = 5_000;

const PREPARE_SQL = `SET TRANSACTION READ WRITE;
  SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
  WHERE pg_catalog.current_setting('synchronous_commit') = 'off';
  SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '${LONGEST_IDLE_MS}', true)
    FROM pg_catalog.pg_settings WHERE name = 'idle_in_transaction_session_timeout'
     AND setting::pg_catalog.int4 NOT BETWEEN 1 AND ${LONGEST_IDLE_MS}`;

/**
 * Begins a transaction that writes state. It must come first in it.
 *
 * A COMMIT must be on disk when it is answered, also for a role or database with `synchronous_commit = off`: a source is
 * acknowledged after it. Stronger settings stay. And it must be able to write, whatever `default_transaction_read_only` is.
 *
 * A process that stands still in the middle keeps its locks on rows of state: the server ends its session, or the instance that
 * takes over could never save.
 */
export async function prepareToWrite(executor: SqlExecutor, signal: AbortSignal): Promise<void> {
  try {
    await executor.query(PREPARE_SQL, [], { signal });
  } catch (error) {
    // A standby says that it does not support it. Another server may soon answer under this address.
    if (!(error instanceof PostgresServerError) || error.code !== '0A000') throw error;
    throw new SourceConnectionError('SOURCE_UNREACHABLE', 'The server is a standby.', {
      cause: error,
    });
  }
}
