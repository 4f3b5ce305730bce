import type { ChangeSource, CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';
import {
  readSetupOptions,
  readTeardownOptions,
  runSetup as runPrinted,
  type SetupOptions,
  stateSetupSql,
  stateStores,
  stateTeardownSql,
  type TeardownOptions,
  withSetupSessions,
} from '@certyo-cdc/postgres';
import type { DurableSettings } from './normalize-options.ts';
import type { DurableSourceOptions } from './options.ts';
import { missingStatements, teardownStatements } from './setup/missing-statements.ts';
import { openLogStream } from './stream/open-stream.ts';

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
  teardown(options?: TeardownOptions): Promise<readonly string[]>;
}

/** Makes a source in durable mode. */
export function durableSource(
  settings: DurableSettings,
  options: Pick<DurableSourceOptions, 'checkpoints' | 'deadLetters'>,
): DurableSource {
  return Object.freeze({
    name: settings.name,
    kind: 'listen-notify' as const,
    ...stateStores(settings, options),
    open: (open) => openLogStream(settings, open),
    setup: (setup = {}) => runSetup(settings, setup),
    teardown: (teardown = {}) => runTeardown(settings, teardown),
  } satisfies DurableSource);
}

async function runSetup(
  settings: DurableSettings,
  options: SetupOptions,
): Promise<readonly string[]> {
  const { dryRun, signal } = readSetupOptions(options);
  return withSetupSessions(settings, { signal }, async (captured, state) => {
    const schema = settings.stateSchema;
    const stateSql = await stateSetupSql(state, schema, { signal });
    await runPrinted(state, stateSql, { dryRun, signal });
    // The lease lies beside the log, whose reader it names.
    const leaseSql = await stateSetupSql(captured, schema, { tables: ['leases'], signal });
    await runPrinted(captured, leaseSql, { dryRun, signal });
    const missing = await missingStatements(captured, settings, { dryRun, signal });
    const run = await runPrinted(captured, missing, { dryRun, signal });
    return [...new Set([...stateSql, ...leaseSql]), ...run];
  });
}

async function runTeardown(
  settings: DurableSettings,
  options: TeardownOptions,
): Promise<readonly string[]> {
  const { dryRun, signal, state: alsoState } = readTeardownOptions(options);
  return withSetupSessions(settings, { signal }, async (captured, state) => {
    const schema = settings.stateSchema;
    const statements = await teardownStatements(captured, settings, { signal });
    const run = await runPrinted(captured, statements, { dryRun, signal });
    if (!alsoState) return run;
    const leaseSql = await stateTeardownSql(captured, schema, { tables: ['leases'], signal });
    await runPrinted(captured, leaseSql, { dryRun, signal });
    const stateSql = await stateTeardownSql(state, schema, { signal });
    await runPrinted(state, stateSql, { dryRun, signal });
    return [...run, ...leaseSql, ...stateSql];
  });
}
