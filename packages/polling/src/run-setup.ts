import { OptionReader, sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import {
  runSetup,
  type SetupStatement,
  type SqlSession,
  sqlSession,
  stateSetupSql,
  type StateTable,
  stateTeardownSql,
} from '@certyo-cdc/postgres';
import type { PollingSettings } from './settings.ts';
import { planPollingSetup } from './setup/plan.ts';
import { planPollingTeardown } from './setup/teardown.ts';
import { pollingSpec } from './stream/polling-spec.ts';

/** How `setup` and `teardown` go about it. */
export interface SetupOptions {
  /** Only gives the SQL, for a DBA to run. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const STATE_TABLES: readonly StateTable[] = ['checkpoints', 'dead_letters', 'leases'];

/** Instances that start together would all find the same things missing, and all but one fail to make them. */
const SETUP_LOCK = '7166352098415037';

/** Makes what is missing. */
export async function setUpPolling(
  settings: PollingSettings,
  options: SetupOptions,
): Promise<readonly string[]> {
  const { dryRun, signal } = read(options, ['dryRun', 'signal']);
  return await withSessions(settings, signal, async (captured, state) => {
    const stateSql = await stateSetupSql(state, settings.stateSchema, {
      tables: STATE_TABLES,
      signal,
    });
    await runSetup(state, stateSql, { dryRun, signal });
    const planned = await planPollingSetup(captured, pollingSpec(settings), { signal });
    await runSetup(captured, planned, { dryRun, signal });
    return printed(stateSql, planned);
  });
}

/** Removes what setup made. */
export async function tearDownPolling(
  settings: PollingSettings,
  options: SetupOptions & { readonly state?: boolean | undefined },
): Promise<readonly string[]> {
  const { dryRun, signal } = read(options, ['dryRun', 'signal', 'state']);
  return await withSessions(settings, signal, async (captured, state) => {
    const planned = await planPollingTeardown(captured, pollingSpec(settings), { signal });
    const stateSql =
      options.state === true
        ? await stateTeardownSql(state, settings.stateSchema, { tables: STATE_TABLES, signal })
        : [];
    await runSetup(captured, planned, { dryRun, signal });
    await runSetup(state, stateSql, { dryRun, signal });
    return printed(planned, stateSql);
  });
}

function read(
  options: SetupOptions,
  known: readonly string[],
): { readonly dryRun: boolean; readonly signal: AbortSignal } {
  const reader = new OptionReader('', options, known);
  return {
    dryRun: reader.flag('dryRun'),
    signal: options.signal ?? new AbortController().signal,
  };
}

function printed(...lists: readonly (readonly (string | SetupStatement)[])[]): readonly string[] {
  return lists
    .flat()
    .map((statement) => (typeof statement === 'string' ? statement : statement.sql));
}

async function withSessions<T>(
  settings: PollingSettings,
  signal: AbortSignal,
  work: (captured: SqlSession, state: SqlSession) => Promise<T>,
): Promise<T> {
  const captured = sqlSession(settings.connection, { applicationName: 'certyo-cdc setup' });
  const lock = sqlSession(settings.connection, { applicationName: 'certyo-cdc setup' });
  const state =
    settings.stateConnection === settings.connection
      ? captured
      : sqlSession(settings.stateConnection, { applicationName: 'certyo-cdc setup' });
  try {
    await oneAtATime(lock, signal);
    return await work(captured, state);
  } finally {
    await lock.close();
    await captured.close();
    if (state !== captured) await state.close();
  }
}

const PAUSE_MS = 100;

/**
 * Takes the lock by trying: who waits in a statement for it has a snapshot, for whose end CREATE INDEX CONCURRENTLY of the
 * holder would wait in turn. It ends with the connection.
 */
async function oneAtATime(lock: SqlSession, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { rows } = await lock.query<{ readonly taken: string }>(
      'SELECT pg_catalog.pg_try_advisory_lock($1::int8)::text AS taken',
      [SETUP_LOCK],
      { signal },
    );
    if (rows[0]?.taken === 'true') return;
    await sleep(SYSTEM_TIME, PAUSE_MS, signal);
  }
}
