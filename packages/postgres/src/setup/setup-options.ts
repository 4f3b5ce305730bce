import { OptionReader } from '@certyo-cdc/core/internal';

import type { RunSetupOptions } from './run-setup.ts';

/** How `setup` and `teardown` go about it. */
export interface SetupOptions {
  /** Only gives the SQL, for a DBA to run. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How `teardown` goes about it. */
export interface TeardownOptions extends SetupOptions {
  /** Also removes the tables that hold the state of all pipelines. @default false */
  readonly state?: boolean | undefined;
}

/** Reads the options of `setup` strictly. */
export function readSetupOptions(
  options: SetupOptions,
  known: readonly string[] = ['dryRun', 'signal'],
): Required<RunSetupOptions> {
  const reader = new OptionReader('', options, known);
  return {
    dryRun: reader.flag('dryRun'),
    signal: options.signal ?? new AbortController().signal,
  };
}

/** Reads the options of `teardown` strictly. */
export function readTeardownOptions(
  options: TeardownOptions,
  known: readonly string[] = ['dryRun', 'state', 'signal'],
): Required<RunSetupOptions> & { readonly state: boolean } {
  const state = new OptionReader('', options, known).flag('state');
  return { ...readSetupOptions(options, known), state };
}
