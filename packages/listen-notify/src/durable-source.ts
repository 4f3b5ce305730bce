import type { ChangeSource, CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import { OptionReader } from '@certyo-cdc/core/internal';
import {
  postgresCheckpointStore,
  postgresDeadLetterStore,
  reopeningCheckpointStore,
  reopeningDeadLetterStore,
  runSetup as runPrinted,
  sqlSession,
  type SqlSession,
  stateSetupSql,
  stateTeardownSql,
} from '@certyo-cdc/postgres';
import type { DurableSettings } from './normalize-options.ts';
import type { DurableSourceOptions } from './options.ts';
import { missingStatements, teardownStatements } from './setup/missing-statements.ts';
import { openLogStream } from './stream/open-stream.ts';

/** How `setup` and `teardown` go about it. */
export interface SetupOptions {
  /** Only gives the SQL, for a DBA to run. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A change source over a change log that triggers fill. */
export interface DurableSource extends ChangeSource {
  readonly kind: 'listen-notify';
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetterStore;
  /**
   * Makes what is missing: the tables that hold checkpoints, parked records and leases, the change log with its functions,
   * then the triggers on each table. Running it again changes nothing. What another version has made is replaced, and noted
   * in `<log>_replacements` in the same transaction, so that it is no gap. A trigger is made under a lock on its table that
   * waits for writers, and that writers wait for.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  setup(options?: SetupOptions): Promise<readonly string[]>;
  /**
   * Removes the triggers, the functions and the change log with all that it holds, and with `state: true` also the tables
   * that hold checkpoints, parked records and leases of all pipelines. The pipeline must be stopped.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  teardown(
    options?: SetupOptions & { readonly state?: boolean | undefined },
  ): Promise<readonly string[]>;
}

/** Makes a source in durable mode. */
export function durableSource(
  settings: DurableSettings,
  options: Pick<DurableSourceOptions, 'checkpoints' | 'deadLetters'>,
): DurableSource {
  const state = { connection: settings.stateConnection, schema: settings.stateSchema };
  return Object.freeze({
    name: settings.name,
    kind: 'listen-notify' as const,
    checkpoints:
      options.checkpoints ?? reopeningCheckpointStore(() => postgresCheckpointStore(state)),
    deadLetters:
      options.deadLetters ?? reopeningDeadLetterStore(() => postgresDeadLetterStore(state)),
    open: (open) => openLogStream(settings, open),
    setup: (setup = {}) => runSetup(settings, setup),
    teardown: (teardown = {}) => runTeardown(settings, teardown),
  } satisfies DurableSource);
}

async function runSetup(
  settings: DurableSettings,
  options: SetupOptions,
): Promise<readonly string[]> {
  const reader = new OptionReader('', options, ['dryRun', 'signal']);
  const dryRun = reader.flag('dryRun');
  const signal = options.signal ?? new AbortController().signal;
  return withSessions(settings, (captured, state) =>
    oneAtATime(captured, signal, async () => {
      const schema = settings.stateSchema;
      const stateSql = await stateSetupSql(state, schema, { signal });
      await runPrinted(state, stateSql, { dryRun, signal });
      // The lease lies beside the log, whose reader it names.
      const leaseSql = await stateSetupSql(captured, schema, { tables: ['leases'], signal });
      await runPrinted(captured, leaseSql, { dryRun, signal });
      const missing = await missingStatements(captured, settings, { dryRun, signal });
      const run = await runPrinted(captured, missing, { dryRun, signal });
      return [...new Set([...stateSql, ...leaseSql]), ...run];
    }),
  );
}

async function runTeardown(
  settings: DurableSettings,
  options: SetupOptions & { readonly state?: boolean | undefined },
): Promise<readonly string[]> {
  const reader = new OptionReader('', options, ['dryRun', 'state', 'signal']);
  const dryRun = reader.flag('dryRun');
  const signal = options.signal ?? new AbortController().signal;
  return withSessions(settings, (captured, state) =>
    oneAtATime(captured, signal, async () => {
      const schema = settings.stateSchema;
      const statements = await teardownStatements(captured, settings, { signal });
      const run = await runPrinted(captured, statements, { dryRun, signal });
      if (!reader.flag('state')) return run;
      const leaseSql = await stateTeardownSql(captured, schema, { tables: ['leases'], signal });
      await runPrinted(captured, leaseSql, { dryRun, signal });
      const stateSql = await stateTeardownSql(state, schema, { signal });
      await runPrinted(state, stateSql, { dryRun, signal });
      return [...run, ...leaseSql, ...stateSql];
    }),
  );
}

const SETUP_LOCK = '7166352098415035';

/** Instances that start together would all find the same things missing, and all but one fail to make them. */
async function oneAtATime<T>(
  session: SqlSession,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  await session.query('SELECT pg_catalog.pg_advisory_lock($1::int8)', [SETUP_LOCK], { signal });
  try {
    return await work();
  } finally {
    // The session ends with the setup in any case; this only lets the others go on sooner.
    await session
      .query('SELECT pg_catalog.pg_advisory_unlock($1::int8)', [SETUP_LOCK], { signal })
      .catch(() => undefined);
  }
}

async function withSessions<T>(
  settings: DurableSettings,
  work: (captured: SqlSession, state: SqlSession) => Promise<T>,
): Promise<T> {
  const captured = sqlSession(settings.connection);
  const state =
    settings.stateConnection === settings.connection
      ? captured
      : sqlSession(settings.stateConnection);
  try {
    return await work(captured, state);
  } finally {
    await captured.close();
    if (state !== captured) await state.close();
  }
}
