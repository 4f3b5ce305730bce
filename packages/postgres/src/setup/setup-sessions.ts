import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';

import type { ResolvedConnection } from '../connection/connection-options.ts';
import type { SqlSession } from '../connection/sql-executor.ts';
import { sqlSession } from '../connection/sql-session.ts';

/** The databases that a set-up works on; one object where both are the same. */
export interface SetupDatabases {
  readonly connection: ResolvedConnection;
  readonly stateConnection: ResolvedConnection;
}

/** How a set-up is kept from running twice at once. */
export interface SetupSessionsOptions {
  /** Number of the advisory lock. @default one for all sources */
  readonly lock?: string | undefined;
  readonly signal: AbortSignal;
}

const SETUP_LOCK = '7166352098415035';

/**
 * Runs the work of a set-up or teardown with sessions to the captured database and to the one that holds state, one at a time:
 * instances that start together would all find the same things missing, and all but one fail to make them.
 */
export async function withSetupSessions<T>(
  databases: SetupDatabases,
  { lock = SETUP_LOCK, signal }: SetupSessionsOptions,
  work: (captured: SqlSession, state: SqlSession) => Promise<T>,
): Promise<T> {
  const { connection, stateConnection } = databases;
  const options = { applicationName: 'certyo-cdc setup' };
  const captured = sqlSession(connection, options);
  const state = stateConnection === connection ? captured : sqlSession(stateConnection, options);
  try {
    await takeLock(captured, lock, signal);
    return await work(captured, state);
  } finally {
    await captured.close();
    if (state !== captured) await state.close();
  }
}

const PAUSE_MS = 100;

/**
 * Takes the lock by trying: who waits in a statement for it has a snapshot, for whose end CREATE INDEX CONCURRENTLY of the
 * holder would wait in turn. It ends with the connection.
 */
async function takeLock(session: SqlSession, lock: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { rows } = await session.query<{ readonly taken: string }>(
      'SELECT pg_catalog.pg_try_advisory_lock($1::int8)::text AS taken',
      [lock],
      { signal },
    );
    if (rows[0]?.taken === 'true') return;
    await sleep(SYSTEM_TIME, PAUSE_MS, signal);
  }
}
