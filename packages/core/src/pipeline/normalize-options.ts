import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { DeadLetterStore } from '../dead-letter/dead-letter-store.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import { assertMethods, OptionReader } from '../internal/read-options.ts';
import type { Sink } from '../sink/sink.ts';
import type { ChangeSource } from '../source/change-source.ts';
import type { WindowStore } from '../windows/window-store.ts';
import type { BreakerOptions } from './circuit-breaker.ts';
import type { PipelineOptions } from './options.ts';
import type { PipelineEvent } from './pipeline-event.ts';
import type { RetryBudgetOptions } from './retry-budget.ts';
import { LONGEST_DELAY_MS } from './retry-policy.ts';
import { SYSTEM_TIME, type PipelineTime } from './time.ts';

/** Options with every default filled in. */
export interface NormalizedPipelineOptions<Row extends object> {
  readonly name: string;
  readonly sourceName: string;
  readonly windows: WindowStore | null;
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetterStore | null;
  /** Whether parked lanes of an earlier life have to be known. */
  readonly loadsBlockedLanes: boolean;
  /** Stores that came with the source; the pipeline closes them. */
  readonly ownStores: readonly { close(): Promise<void> }[];
  readonly filter: ((event: ChangeEvent<Row>) => boolean) | null;
  readonly batch: {
    readonly maxItems: number;
    readonly maxBytes: number;
    readonly lingerMs: number | false;
  };
  readonly concurrency: number;
  readonly retry: {
    readonly initialDelayMs: number;
    readonly maxDelayMs: number;
    readonly maxAttempts: number | false;
    readonly budget: RetryBudgetOptions | false;
  };
  readonly breaker: BreakerOptions | false;
  readonly onRejected: 'halt' | 'park';
  readonly onParkedLane: 'block' | 'continue';
  readonly limits: {
    readonly maxInFlightBytes: number;
    readonly maxInFlightItems: number;
    readonly maxUnacknowledgedEvents: number | false;
    readonly maxUnacknowledgedAgeMs: number | false;
    readonly warnUnacknowledgedEvents: number | false;
    readonly warnUnacknowledgedAgeMs: number | false;
  };
  readonly checkpointIntervalMs: number;
  readonly idleCheckpointIntervalMs: number;
  readonly onEvent: ((event: PipelineEvent) => void) | null;
  readonly time: PipelineTime;
  readonly random: () => number;
}

const OPTIONS = [
  'name',
  'checkpoints',
  'deadLetters',
  'windows',
  'filter',
  'batch',
  'concurrency',
  'retry',
  'breaker',
  'onRejected',
  'onParkedLane',
  'limits',
  'checkpointIntervalMs',
  'idleCheckpointIntervalMs',
  'onEvent',
  'time',
  'random',
] as const satisfies readonly (keyof PipelineOptions)[];

function readName(name: unknown, fallback: string): string {
  const value = name === undefined ? fallback : name;
  if (typeof value === 'string' && value.length > 0 && value.length <= 200) return value;
  throw new ConfigurationError('name', 'Expected `name` to be a text of 1 to 200 characters.');
}

function readBudget(retry: OptionReader): RetryBudgetOptions | false {
  if (retry.value('budget') === false) return false;
  const budget = retry.nested('budget', ['ratio', 'perSecond', 'capacity']);
  return {
    ratio: budget.positive('ratio', 0.1),
    perSecond: budget.positive('perSecond', 2),
    capacity: Math.max(budget.positive('capacity', 20), 1),
  };
}

function readBreaker(options: OptionReader): BreakerOptions | false {
  if (options.value('breaker') === false) return false;
  const breaker = options.nested('breaker', ['failures', 'openMs', 'maxOpenMs']);
  const openMs = breaker.positive('openMs', 1_000, LONGEST_DELAY_MS);
  return {
    failures: breaker.positiveInteger('failures', 5),
    openMs,
    maxOpenMs: Math.max(breaker.positive('maxOpenMs', 30_000, LONGEST_DELAY_MS), openMs),
  };
}

function readLimits(options: OptionReader): NormalizedPipelineOptions<object>['limits'] {
  const limits = options.nested('limits', [
    'maxInFlightBytes',
    'maxInFlightItems',
    'unacknowledged',
  ]);
  const held = limits.nested('unacknowledged', [
    'maxEvents',
    'maxAgeMs',
    'warnEvents',
    'warnAgeMs',
  ]);
  return {
    maxInFlightBytes: limits.positiveInteger('maxInFlightBytes', 16_000_000),
    maxInFlightItems: limits.positiveInteger('maxInFlightItems', 10_000),
    maxUnacknowledgedEvents: held.positiveIntegerOrFalse('maxEvents', 1_000_000),
    maxUnacknowledgedAgeMs: held.positiveIntegerOrFalse('maxAgeMs', 3_600_000),
    warnUnacknowledgedEvents: held.positiveIntegerOrFalse('warnEvents', 100_000),
    warnUnacknowledgedAgeMs: held.positiveIntegerOrFalse('warnAgeMs', 60_000),
  };
}

function requireParking(deadLetters: DeadLetterStore | undefined, sink: Sink<never, never>): void {
  if (deadLetters === undefined) {
    throw new ConfigurationError('deadLetters', '`onRejected: "park"` needs `deadLetters`.', {
      remedy: 'Give a dead-letter store, or a source that has one.',
    });
  }
  if (sink.serialize !== undefined && sink.deserialize !== undefined) return;
  throw new ConfigurationError(
    'onRejected',
    `Sink "${sink.name}" cannot park: it has no serialize() and deserialize().`,
    { remedy: 'Use `onRejected: "halt"`, or a sink that can.' },
  );
}

/** Checks the options and fills in the defaults. Throws `ConfigurationError`. */
export function normalizePipelineOptions<Item, Row extends object>(
  source: ChangeSource<Row>,
  sink: Sink<Item, Row>,
  options: PipelineOptions<Row> = {},
): NormalizedPipelineOptions<Row> {
  assertMethods('source', source, ['open']);
  assertMethods('sink', sink, ['prepare', 'deliver']);
  const reader = new OptionReader('', options, OPTIONS);
  reader.assertMethods('checkpoints', ['load', 'save']);
  reader.assertMethods('deadLetters', ['park', 'lanes', 'list', 'remove']);
  reader.assertMethods('windows', ['begin', 'stage', 'saved']);
  reader.assertMethods('time', ['now', 'setTimeout']);
  for (const name of ['filter', 'onEvent', 'random']) reader.assertFunction(name);
  const batch = reader.nested('batch', ['maxItems', 'maxBytes', 'lingerMs']);
  const retry = reader.nested('retry', ['initialDelayMs', 'maxDelayMs', 'maxAttempts', 'budget']);
  const checkpoints = options.checkpoints ?? source.checkpoints;
  if (checkpoints === undefined) {
    throw new ConfigurationError('checkpoints', 'There is no place to keep the checkpoint.', {
      remedy: 'Give `checkpoints`, or a source that has a store of its own.',
    });
  }
  const deadLetters = options.deadLetters ?? source.deadLetters;
  const onRejected = reader.oneOf('onRejected', ['halt', 'park'], 'halt');
  const onParkedLane = reader.oneOf('onParkedLane', ['block', 'continue'], 'block');
  if (onRejected === 'park') requireParking(deadLetters, sink as Sink<never, never>);
  const checkpointIntervalMs = reader.positiveInteger('checkpointIntervalMs', 1_000);
  const initialDelayMs = retry.positive('initialDelayMs', 200, LONGEST_DELAY_MS);
  const ownStores = [source.checkpoints, source.deadLetters].filter((store) => store !== undefined);
  return {
    name: readName(options.name, source.name),
    sourceName: source.name,
    windows: options.windows ?? null,
    checkpoints,
    deadLetters: deadLetters ?? null,
    // Records that were parked under another setting must not be overtaken.
    loadsBlockedLanes: onParkedLane === 'block' && deadLetters !== undefined,
    ownStores,
    filter: options.filter ?? null,
    batch: {
      maxItems: Math.min(batch.positiveInteger('maxItems', 500), sink.maxBatchItems ?? Infinity),
      maxBytes: Math.min(
        batch.positiveInteger('maxBytes', 1_000_000),
        sink.maxBatchBytes ?? Infinity,
      ),
      lingerMs: batch.positiveIntegerOrFalse('lingerMs', 20),
    },
    concurrency: reader.positiveInteger('concurrency', 4),
    retry: {
      initialDelayMs,
      maxDelayMs: Math.max(retry.positive('maxDelayMs', 30_000, LONGEST_DELAY_MS), initialDelayMs),
      maxAttempts: retry.positiveIntegerOrFalse('maxAttempts', false),
      budget: readBudget(retry),
    },
    breaker: readBreaker(reader),
    onRejected,
    onParkedLane,
    limits: readLimits(reader),
    checkpointIntervalMs,
    idleCheckpointIntervalMs: Math.max(
      reader.positiveInteger('idleCheckpointIntervalMs', 30_000),
      checkpointIntervalMs,
    ),
    onEvent: options.onEvent ?? null,
    time: options.time ?? SYSTEM_TIME,
    random: options.random ?? Math.random,
  };
}
