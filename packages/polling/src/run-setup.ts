import {
  readSetupOptions,
  readTeardownOptions,
  runSetup,
  type SetupOptions,
  stateSetupSql,
  type StateTable,
  stateTeardownSql,
  type TeardownOptions,
  withSetupSessions,
} from '@certyo-cdc/postgres';
import type { PollingSettings } from './settings.ts';
import { planPollingSetup } from './setup/plan.ts';
import { planPollingTeardown } from './setup/teardown.ts';
import { pollingSpec } from './stream/polling-spec.ts';

const STATE_TABLES: readonly StateTable[] = ['checkpoints', 'dead_letters', 'leases'];

/** Of its own: building an index may take hours, for which sources of other kinds need not wait. */
const SETUP_LOCK = '7166352098415037';

/** Makes what is missing. */
export async function setUpPolling(
  settings: PollingSettings,
  options: SetupOptions,
): Promise<readonly string[]> {
  const { dryRun, signal } = readSetupOptions(options);
  return await withSetupSessions(
    settings,
    { lock: SETUP_LOCK, signal },
    async (captured, state) => {
      const stateSql = await stateSetupSql(state, settings.stateSchema, {
        tables: STATE_TABLES,
        signal,
      });
      await runSetup(state, stateSql, { dryRun, signal });
      const planned = await planPollingSetup(captured, pollingSpec(settings), { signal });
      return [...stateSql, ...(await runSetup(captured, planned, { dryRun, signal }))];
    },
  );
}

/** Removes what setup made. */
export async function tearDownPolling(
  settings: PollingSettings,
  options: TeardownOptions,
): Promise<readonly string[]> {
  const { dryRun, signal, state: alsoState } = readTeardownOptions(options);
  return await withSetupSessions(
    settings,
    { lock: SETUP_LOCK, signal },
    async (captured, state) => {
      const planned = await planPollingTeardown(captured, pollingSpec(settings), { signal });
      const stateSql = alsoState
        ? await stateTeardownSql(state, settings.stateSchema, { tables: STATE_TABLES, signal })
        : [];
      const run = await runSetup(captured, planned, { dryRun, signal });
      await runSetup(state, stateSql, { dryRun, signal });
      return [...run, ...stateSql];
    },
  );
}
