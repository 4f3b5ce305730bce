import type { CheckpointStore } from '../checkpoint/checkpoint.ts';
import type { DeadLetterStore } from '../dead-letter/dead-letter-store.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import type { JsonRow } from '../event/json.ts';
import type { WindowStore } from '../windows/window-store.ts';
import type { PipelineEvent } from './pipeline-event.ts';
import type { PipelineTime } from './time.ts';

/** How items are put together into requests. */
export interface BatchOptions {
  /**
   * Most items in one request; never more than the sink allows.
   * @default 500
   */
  readonly maxItems?: number | undefined;
  /**
   * Most bytes in one request; never more than the sink allows. A larger single item goes alone.
   * @default 1_000_000
   */
  readonly maxBytes?: number | undefined;
  /**
   * Longest wait of an item for others to join its request, milliseconds; `false` sends at once.
   * @default 20
   */
  readonly lingerMs?: number | false | undefined;
}

/** How many retries are allowed beside what succeeds. */
export interface RetryBudgetOption {
  /**
   * Retries per successful request.
   * @default 0.1
   */
  readonly ratio?: number | undefined;
  /**
   * Retries per second that are allowed in any case.
   * @default 2
   */
  readonly perSecond?: number | undefined;
  /**
   * Most retries that can be saved up.
   * @default 20
   */
  readonly capacity?: number | undefined;
}

/** When and how often items are sent again. Delays have full jitter; `Retry-After` is a floor. */
export interface RetryOptions {
  /**
   * Longest delay before the second try, milliseconds; doubles from try to try.
   * @default 200
   */
  readonly initialDelayMs?: number | undefined;
  /**
   * Longest delay between two tries, milliseconds; at most 600,000.
   * @default 30_000
   */
  readonly maxDelayMs?: number | undefined;
  /**
   * Tries after which an item counts as rejected; `false` tries for ever.
   * @default false
   */
  readonly maxAttempts?: number | false | undefined;
  /** Shared by all pipelines whose sinks have one scope: the first one's hold. `false` allows any number. */
  readonly budget?: RetryBudgetOption | false | undefined;
}

/** When requests stop because nothing gets through. */
export interface CircuitBreakerOptions {
  /**
   * Failed requests in a row after which no more are sent.
   * @default 5
   */
  readonly failures?: number | undefined;
  /**
   * Pause before the first probe, milliseconds; doubles with each probe that fails.
   * @default 1_000
   */
  readonly openMs?: number | undefined;
  /**
   * Longest pause between probes, milliseconds.
   * @default 30_000
   */
  readonly maxOpenMs?: number | undefined;
}

/** How much may be received and not acknowledged. Reading pauses beyond it; nothing is dropped. */
export interface UnacknowledgedLimits {
  /**
   * Events. A transaction that alone is larger still passes.
   * @default 1_000_000
   */
  readonly maxEvents?: number | false | undefined;
  /**
   * Age of the oldest, milliseconds.
   * @default 3_600_000
   */
  readonly maxAgeMs?: number | false | undefined;
  /**
   * Events from which `unacknowledged-warned` is emitted, at most once a minute.
   * @default 100_000
   */
  readonly warnEvents?: number | false | undefined;
  /**
   * Age from which `unacknowledged-warned` is emitted, milliseconds.
   * @default 60_000
   */
  readonly warnAgeMs?: number | false | undefined;
}

/** What bounds the pipeline's memory. */
export interface PipelineLimits {
  /**
   * Bytes held by batches that are not finished; beyond it the source is not read.
   * @default 16_000_000
   */
  readonly maxInFlightBytes?: number | undefined;
  /**
   * Items that are not finished; beyond it the source is not read.
   * @default 10_000
   */
  readonly maxInFlightItems?: number | undefined;
  readonly unacknowledged?: UnacknowledgedLimits | undefined;
}

/** Options of `createPipeline`. */
export interface PipelineOptions<Row extends object = JsonRow> {
  /**
   * Name under which checkpoint and parked records are kept.
   * @default the source's name
   */
  readonly name?: string | undefined;
  /** Where the checkpoint is kept. Stays open when the pipeline stops. @default the source's own store */
  readonly checkpoints?: CheckpointStore | undefined;
  /** Where parked records are kept. Stays open when the pipeline stops. @default the source's own store */
  readonly deadLetters?: DeadLetterStore | undefined;
  /**
   * Where it is kept how many events were captured, delivered, skipped and parked. Nothing is acknowledged before it is. Stays
   * open when the pipeline stops. @default nowhere
   */
  readonly windows?: WindowStore | undefined;
  /** Which events are delivered; the others are skipped. Pure and synchronous. */
  readonly filter?: ((event: ChangeEvent<Row>) => boolean) | undefined;
  readonly batch?: BatchOptions | undefined;
  /**
   * Requests at one time.
   * @default 4
   */
  readonly concurrency?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Shared by all pipelines whose sinks have one scope: the first one's hold. `false` has none. */
  readonly breaker?: CircuitBreakerOptions | false | undefined;
  /**
   * What to do with a record that is rejected: stop with everything kept, or park it durably and go on.
   * @default 'halt'
   */
  readonly onRejected?: 'halt' | 'park' | undefined;
  /**
   * What to do with later items of a record that has a parked one: park them behind it, in order, or send them.
   * @default 'block'
   */
  readonly onParkedLane?: 'block' | 'continue' | undefined;
  readonly limits?: PipelineLimits | undefined;
  /**
   * Least time between two saved checkpoints, milliseconds.
   * @default 1_000
   */
  readonly checkpointIntervalMs?: number | undefined;
  /**
   * Least time between two saved checkpoints while there are no events, milliseconds. Saving is itself a write to a
   * database, perhaps the captured one.
   * @default 30_000
   */
  readonly idleCheckpointIntervalMs?: number | undefined;
  /** Observes the pipeline. What it throws is ignored. */
  readonly onEvent?: ((event: PipelineEvent) => void) | undefined;
  /** Clock and timers. @default those of the process */
  readonly time?: PipelineTime | undefined;
  /** Source of jitter, in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined;
}
