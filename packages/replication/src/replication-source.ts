import type { ChangeSource, CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import { OptionReader } from '@certyo-cdc/core/internal';
import {
  readSetupOptions,
  readTeardownOptions,
  runSetup as runPrinted,
  type SetupOptions as CommonSetupOptions,
  type SqlSession,
  stateSetupSql,
  stateStores,
  stateTeardownSql,
  type TeardownOptions,
  withSetupSessions,
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
import { assertBackfillable } from './setup/features.ts';
import { lockedError, waitedForLock } from './setup/locked-tables.ts';
import { missingStatements, runStatements, teardownStatements } from './setup/setup.ts';
import { SLOT_LOCK_TIMEOUT_MS } from './setup/slot-lock-timeout.ts';
import { openReplicationStream } from './stream/open-stream.ts';

/** How `setup` and `teardown` go about it. */
export interface SetupOptions extends CommonSetupOptions {
  /**
   * How long the making of the slot may wait for a running transaction to end, milliseconds; a slot can only begin when
   * every transaction that was running has ended. @default 15000
   */
  readonly slotLockTimeoutMs?: number | undefined;
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
  teardown(options?: SetupOptions & TeardownOptions): Promise<readonly string[]>;
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
  return Object.freeze({
    name: settings.name,
    kind: 'replication' as const,
    ...stateStores(settings, options),
    open: (open) => openReplicationStream(settings, open),
    backfill: async (backfill) => {
      await assertBackfillable(settings, backfill.signal ?? new AbortController().signal);
      return requestBackfill(settings, backfill, () => nudge(settings));
    },
    backfills: (backfills = {}) =>
      openBackfills(settings, backfills.signal ?? new AbortController().signal, () =>
        nudge(settings),
      ),
    setup: (setup = {}) => runSetup(settings, setup),
    teardown: (teardown = {}) => runTeardown(settings, teardown),
  } satisfies ReplicationSource);
}

const SETUP_OPTIONS = [
  'dryRun',
  'slotLockTimeoutMs',
  'signal',
] as const satisfies readonly (keyof SetupOptions)[];

async function runSetup(
  settings: ReplicationSettings,
  options: SetupOptions,
): Promise<readonly string[]> {
  const { dryRun, signal } = readSetupOptions(options, SETUP_OPTIONS);
  const slotLockTimeoutMs = new OptionReader('', options, SETUP_OPTIONS).positiveInteger(
    'slotLockTimeoutMs',
    SLOT_LOCK_TIMEOUT_MS,
    2 ** 31 - 1,
  );
  const { primary } = settings;
  return withSetupSessions(settings, { signal }, async (captured, state) => {
    // Whoever locks a captured table would hold the setup up without an end, and without a word.
    await captured.query(`SET lock_timeout = ${slotLockTimeoutMs}`, [], { signal });
    const missing = primary === null ? await missingUnlocked(captured, settings, { signal }) : [];
    const stateSql = [
      ...(await stateSetupSql(state, settings.stateSchema, { signal })),
      ...(await careSetupSql(state, settings, { signal })),
    ];
    await runPrinted(state, stateSql, { dryRun, signal });
    if (!dryRun) {
      await runStatements(captured, missing, { signal, slotLockTimeoutMs, settings });
    }
    if (primary === null) return [...stateSql, ...missing];
    const standby = { dryRun, signal, slotLockTimeoutMs };
    return [...stateSql, ...(await setUpStandby(captured, primary, settings, standby))];
  });
}

async function missingUnlocked(
  captured: SqlSession,
  settings: ReplicationSettings,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  try {
    return await missingStatements(captured, settings, options);
  } catch (error) {
    throw waitedForLock(error) ? await lockedError(captured, error, options) : error;
  }
}

async function runTeardown(
  settings: ReplicationSettings,
  options: SetupOptions & TeardownOptions,
): Promise<readonly string[]> {
  const {
    dryRun,
    signal,
    state: alsoState,
  } = readTeardownOptions(options, [...SETUP_OPTIONS, 'state']);
  const { primary } = settings;
  return withSetupSessions(settings, { signal }, async (captured, state) => {
    const onStandby =
      primary === null
        ? []
        : await tearDownStandby(captured, primary, settings, { dryRun, signal });
    const statements =
      primary === null ? await teardownStatements(captured, settings, { signal }) : [];
    const stateSql = alsoState
      ? [
          ...(await stateTeardownSql(state, settings.stateSchema, { signal })),
          ...(await careTeardownSql(state, settings, { signal })),
        ]
      : [];
    // Other sources with the option `ddl` may use it too.
    const ddlSql = alsoState ? await ddlTeardownSql(captured, settings, { signal }) : [];
    if (!dryRun) {
      await runStatements(captured, [...statements, ...ddlSql], { signal });
      await runStatements(state, stateSql, { signal });
    }
    return [...onStandby, ...statements, ...ddlSql, ...stateSql];
  });
}
