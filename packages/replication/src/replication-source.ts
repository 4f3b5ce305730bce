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
import {
  type Backfill,
  type BackfillOptions,
  openBackfills,
  requestBackfill,
} from './copy/backfill.ts';
import { nudge } from './copy/nudges.ts';
import { setUpStandby, tearDownStandby } from './care/standby-setup.ts';
import { careSetupSql, careTeardownSql } from './care/care-tables.ts';
import { ddlTeardownSql } from './ddl/ddl-trigger.ts';
import { normalizeReplicationOptions, type ReplicationSettings } from './normalize-options.ts';
import type { ReplicationSourceOptions } from './options.ts';
import { missingStatements, runStatements, teardownStatements } from './setup/setup.ts';
import { SLOT_LOCK_TIMEOUT_MS } from './setup/slot-lock-timeout.ts';
import { openReplicationStream } from './stream/open-stream.ts';

/** How `setup` and `teardown` go about it. */
export interface SetupOptions {
  /** Only gives the SQL, for a DBA to run. @default false */
  readonly dryRun?: boolean | undefined;
  /**
   * How long the making of the slot may wait for a running transaction to end, milliseconds; a slot can only begin when
   * every transaction that was running has ended. @default 15000
   */
  readonly slotLockTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A change source over a logical replication slot. */
export interface ReplicationSource extends ChangeSource {
  readonly kind: 'replication';
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetterStore;
  /**
   * Makes what is missing: the tables that hold checkpoints and parked records, the publication, then the slot; with the
   * option `copy` the slot is left to `open()`. Running it again changes nothing. Never alters a captured table: what cannot be captured is refused with the SQL.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  setup(options?: SetupOptions): Promise<readonly string[]>;
  /**
   * Copies the rows of captured tables into the running stream, as `snapshot` events, in chunks between its transactions. Never
   * brings back an old row, nor one that was deleted. The request is written down: it survives a restart, goes on at its
   * last chunk, and may be made by another process than the one that reads.
   */
  backfill(options: BackfillOptions): Promise<Backfill>;
  /** The backfills that have not ended, oldest first. */
  backfills(options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly Backfill[]>;
  /**
   * Removes the slot and the publication, and with `state: true` also the tables that hold checkpoints and parked
   * records of all pipelines, and the event trigger of the option `ddl`. The pipeline must be stopped.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  teardown(
    options?: SetupOptions & { readonly state?: boolean | undefined },
  ): Promise<readonly string[]>;
}

/**
 * Captures changes by logical replication with pgoutput: every committed insert, update, delete and truncate, in commit
 * order, from the moment that `setup()` made the slot.
 *
 * Guarantees: nothing of a transaction that is not committed is emitted; an event has the same id and bytes whenever
 * it is read; a position is acknowledged to the server only after the pipeline has saved it; whatever makes
 * completeness unprovable (a lost slot, another server, a checkpoint that does not fit) stops with a `GapError`.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const source = replicationSource({ tables: ['public.orders'] });
 * await source.setup();
 * const pipeline = createPipeline(source, certyoSink());
 * await pipeline.start();
 */
export function replicationSource(options: ReplicationSourceOptions): ReplicationSource {
  const settings = normalizeReplicationOptions(options);
  const state = { connection: settings.stateConnection, schema: settings.stateSchema };
  return Object.freeze({
    name: settings.name,
    kind: 'replication' as const,
    checkpoints:
      options.checkpoints ?? reopeningCheckpointStore(() => postgresCheckpointStore(state)),
    deadLetters:
      options.deadLetters ?? reopeningDeadLetterStore(() => postgresDeadLetterStore(state)),
    open: (open) => openReplicationStream(settings, open),
    backfill: (backfill) => requestBackfill(settings, backfill, () => nudge(settings)),
    backfills: (backfills = {}) =>
      openBackfills(settings, backfills.signal ?? new AbortController().signal, () =>
        nudge(settings),
      ),
    setup: (setup = {}) => runSetup(settings, setup),
    teardown: (teardown = {}) => runTeardown(settings, teardown),
  } satisfies ReplicationSource);
}

async function runSetup(
  settings: ReplicationSettings,
  options: SetupOptions,
): Promise<readonly string[]> {
  const signal = options.signal ?? new AbortController().signal;
  const { dryRun } = options;
  const reader = new OptionReader('', options, ['dryRun', 'slotLockTimeoutMs', 'signal']);
  const slotLockTimeoutMs = reader.positiveInteger(
    'slotLockTimeoutMs',
    SLOT_LOCK_TIMEOUT_MS,
    2 ** 31 - 1,
  );
  return withSessions(settings, (captured, state) =>
    oneAtATime(captured, signal, async () => {
      const { primary } = settings;
      const missing =
        primary === null ? await missingStatements(captured, settings, { signal }) : [];
      const stateSql = [
        ...(await stateSetupSql(state, settings.stateSchema, { signal })),
        ...(await careSetupSql(state, settings, { signal })),
      ];
      await runPrinted(state, stateSql, { dryRun, signal });
      if (dryRun !== true) await runStatements(captured, missing, { signal, slotLockTimeoutMs });
      if (primary === null) return [...stateSql, ...missing];
      const standby = { dryRun, signal, slotLockTimeoutMs };
      return [...stateSql, ...(await setUpStandby(captured, primary, settings, standby))];
    }),
  );
}

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

const SETUP_LOCK = '7166352098415035';

async function runTeardown(
  settings: ReplicationSettings,
  options: SetupOptions & { readonly state?: boolean | undefined },
): Promise<readonly string[]> {
  const signal = options.signal ?? new AbortController().signal;
  return withSessions(settings, async (captured, state) => {
    const { primary } = settings;
    const { dryRun } = options;
    const onStandby =
      primary === null
        ? []
        : await tearDownStandby(captured, primary, settings, { dryRun, signal });
    const statements =
      primary === null ? await teardownStatements(captured, settings, { signal }) : [];
    const stateSql =
      options.state === true
        ? [
            ...(await stateTeardownSql(state, settings.stateSchema, { signal })),
            ...(await careTeardownSql(state, settings, { signal })),
          ]
        : [];
    // Other sources with the option `ddl` may use it too.
    const ddlSql =
      options.state === true ? await ddlTeardownSql(captured, settings, { signal }) : [];
    if (options.dryRun !== true) {
      await runStatements(captured, [...statements, ...ddlSql], { signal });
      await runStatements(state, stateSql, { signal });
    }
    return [...onStandby, ...statements, ...ddlSql, ...stateSql];
  });
}

async function withSessions<T>(
  settings: ReplicationSettings,
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
