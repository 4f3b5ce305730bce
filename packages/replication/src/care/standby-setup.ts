import { SourceSetupError } from '@certyo-cdc/core';
import {
  PostgresServerError,
  quoteIdentifier,
  type ResolvedConnection,
  type SqlSession,
  sqlSession,
} from '@certyo-cdc/postgres';
import type { ReplicationSettings } from '../normalize-options.ts';
import {
  createSlotSql,
  missingStatements,
  runStatements,
  teardownStatements,
} from '../setup/setup.ts';
import { readSlot } from '../setup/slot.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { repeat } from './repeat.ts';

/** Between two records on the primary that a slot on a standby can begin at. */
const SNAPSHOT_EVERY_MS = 200;
const LOOK_EVERY_MS = 50;

interface Options {
  readonly dryRun: boolean | undefined;
  readonly signal: AbortSignal;
  readonly slotLockTimeoutMs?: number | undefined;
}

/**
 * Makes the publication on the primary, waits until the standby has it, and makes the slot there.
 *
 * The slot begins at a record of running transactions, which a primary writes now and then only: it is told to.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
 *
 * @returns The statements, those for the standby last.
 */
export async function setUpStandby(
  standby: SqlSession,
  connection: ResolvedConnection,
  settings: ReplicationSettings,
  options: Options,
): Promise<readonly string[]> {
  const { dryRun, signal } = options;
  const primary = sqlSession(connection);
  try {
    const published = (await missingStatements(primary, settings, { signal })).filter(
      (statement) => !makesSlot(statement),
    );
    const slot = await readSlot(queryOf(standby, signal), settings.slot);
    // A standby's own slot is not copied to others.
    const missing = slot === null ? [createSlotSql({ ...settings, failover: false })] : [];
    if (dryRun !== true) {
      await runStatements(primary, published, options);
      if (missing.length > 0) await makeSlotOn(standby, primary, missing, connection.user, options);
    }
    return [...published, ...missing];
  } finally {
    await primary.close();
  }
}

/** Removes the slot from the standby and the publication from the primary. */
export async function tearDownStandby(
  standby: SqlSession,
  connection: ResolvedConnection,
  settings: ReplicationSettings,
  options: Options,
): Promise<readonly string[]> {
  const { dryRun, signal } = options;
  const primary = sqlSession(connection);
  try {
    const statements = await teardownStatements(standby, settings, { signal });
    const ofSlot = statements.filter((statement) => statement.includes('pg_drop_replication_slot'));
    const others = statements.filter((statement) => !ofSlot.includes(statement));
    if (dryRun !== true) {
      await runStatements(standby, ofSlot, { signal });
      await runStatements(primary, others, { signal });
    }
    return statements;
  } finally {
    await primary.close();
  }
}

async function makeSlotOn(
  standby: SqlSession,
  primary: SqlSession,
  statements: readonly string[],
  user: string,
  options: Options,
): Promise<void> {
  const { signal } = options;
  const onPrimary = queryOf(primary, signal);
  const end = (await onPrimary('SELECT pg_catalog.pg_current_wal_flush_lsn()::text AS lsn'))[0]?.[
    'lsn'
  ];
  await replayed(queryOf(standby, signal), end ?? '0/0', signal);
  await logSnapshot(onPrimary, user);
  const stop = repeat(SNAPSHOT_EVERY_MS, () => logSnapshot(onPrimary, user));
  try {
    await runStatements(standby, statements, options);
  } finally {
    stop();
  }
}

async function logSnapshot(primary: TextQuery, user: string): Promise<void> {
  try {
    await primary('SELECT pg_catalog.pg_log_standby_snapshot()::text');
  } catch (error) {
    if (!(error instanceof PostgresServerError) || error.code !== '42501') throw error;
    throw new SourceSetupError(
      `The role "${user}" may not log a snapshot on the primary, which a slot on a standby begins at.`,
      {
        cause: error,
        remedy: `Run as a superuser: GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO ${quoteIdentifier(user)};`,
      },
    );
  }
}

async function replayed(standby: TextQuery, lsn: string, signal: AbortSignal): Promise<void> {
  const sql =
    'SELECT (pg_catalog.pg_last_wal_replay_lsn() >= $1::pg_catalog.pg_lsn)::text AS there';
  for (;;) {
    if ((await standby(sql, [lsn]))[0]?.['there'] === 'true') return;
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function makesSlot(statement: string): boolean {
  return statement.includes('pg_create_logical_replication_slot');
}

function queryOf(session: SqlSession, signal: AbortSignal): TextQuery {
  return async (sql, params = []) => (await session.query(sql, params, { signal })).rows;
}
