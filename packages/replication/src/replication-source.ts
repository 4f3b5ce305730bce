import type { ChangeSource, CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import { OptionReader } from '@certyo-cdc/core/internal';
import {
  readSetupOptions,
  readTeardownOptions,
  runSetup as runPrinted,
  type SetupOptions as CommonSetupOptions,
  stateSetupSql,
  stateStores,
  stateTeardownSql,
  type TeardownOptions,
  withSetupSessions,
} from '@certyo-cdc/postgres';
import { normalizeReplicationOptions, type ReplicationSettings } from './normalize-options.ts';
import type { ReplicationSourceOptions } from './options.ts';
import {
  missingStatements,
  runStatements,
  SLOT_LOCK_TIMEOUT_MS,
  teardownStatements,
} from './setup/setup.ts';
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
   * Makes what is missing: the tables that hold checkpoints and parked records, the publication, then the slot. Running
   * it again changes nothing. Never alters a captured table: what cannot be captured is refused with the SQL.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  setup(options?: SetupOptions): Promise<readonly string[]>;
  /**
   * Removes the slot and the publication, and with `state: true` also the tables that hold checkpoints and parked
   * records of all pipelines. The pipeline must be stopped.
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
  return withSetupSessions(settings, { signal }, async (captured, state) => {
    const missing = await missingStatements(captured, settings, { signal });
    const stateSql = await stateSetupSql(state, settings.stateSchema, { signal });
    await runPrinted(state, stateSql, { dryRun, signal });
    if (!dryRun) await runStatements(captured, missing, { signal, slotLockTimeoutMs });
    return [...stateSql, ...missing];
  });
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
  return withSetupSessions(settings, { signal }, async (captured, state) => {
    const statements = await teardownStatements(captured, settings, { signal });
    const stateSql = alsoState
      ? await stateTeardownSql(state, settings.stateSchema, { signal })
      : [];
    if (!dryRun) {
      await runStatements(captured, statements, { signal });
      await runStatements(state, stateSql, { signal });
    }
    return [...statements, ...stateSql];
  });
}
