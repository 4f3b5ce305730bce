import type { ChangeSource, CheckpointStore, DeadLetterStore, OpenOptions } from '@certyo-cdc/core';
import {
  type HintedStream,
  type SetupOptions,
  stateStores,
  type TeardownOptions,
} from '@certyo-cdc/postgres';
import { type PollingCapabilities, pollingCapabilities } from './capabilities.ts';
import { normalizePollingOptions } from './normalize-options.ts';
import type { PollingSourceOptions } from './options.ts';
import { setUpPolling, tearDownPolling } from './run-setup.ts';
import { openPollingStream } from './stream/open-stream.ts';

/** A change source that polls tables. */
export interface PollingSource extends ChangeSource {
  readonly kind: 'polling';
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetterStore;
  /** What this source sees and what it cannot see. */
  readonly capabilities: PollingCapabilities;
  open(options: OpenOptions): Promise<HintedStream>;
  /**
   * Makes what is missing: columns, triggers and indexes of the tables, the tables of tombstones and keys, and those that hold
   * checkpoints, parked records and leases. Running it again changes nothing. What another version has made is replaced, and
   * noted in `polling_replacements` in the same transaction, so that it is no gap.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  setup(options?: SetupOptions): Promise<readonly string[]>;
  /**
   * Removes what `setup` made, and with `state: true` also the tables that hold the state of all pipelines. The pipeline must
   * be stopped.
   *
   * @returns The statements that it ran; with `dryRun`, that it would run.
   */
  teardown(options?: TeardownOptions): Promise<readonly string[]>;
  /** Makes every open stream of this source look at once, instead of at the end of its interval. */
  pollNow(): void;
}

/**
 * Captures changes by reading tables again and again: of every row its latest state, from the first look on, which is a copy
 * of the table.
 *
 * Guarantees: a row that was changed and committed is handed over, with its state then or a later one, however long its
 * transaction took and in whatever order transactions commit (xid cursor; see the README for the others); nothing of a
 * transaction that is not committed is; of one record, what is handed over later is later; a position is acknowledged only after
 * the pipeline has saved it; whatever makes completeness unprovable stops with a `GapError`.
 *
 * It does not see states between two looks, and hard deletes only by tombstones or by comparing keys: see `capabilities`.
 *
 * @throws ConfigurationError for options that are missing or wrong.
 * @example
 * const source = pollingSource({ tables: ['public.orders'] });
 * await source.setup();
 * const pipeline = createPipeline(source, certyoSink());
 * await pipeline.start();
 */
export function pollingSource(options: PollingSourceOptions): PollingSource {
  const settings = normalizePollingOptions(options);
  const open = new Set<HintedStream>();
  return Object.freeze({
    name: settings.name,
    kind: 'polling' as const,
    capabilities: pollingCapabilities(settings),
    ...stateStores(settings, options),
    open: async (opening: OpenOptions) => {
      const stream = await openPollingStream(settings, opening, () => open.delete(stream));
      open.add(stream);
      return stream;
    },
    setup: (setup: SetupOptions = {}) => setUpPolling(settings, setup),
    teardown: (teardown: TeardownOptions = {}) => tearDownPolling(settings, teardown),
    pollNow: () => {
      for (const stream of open) stream.nudge();
    },
  } satisfies PollingSource);
}
