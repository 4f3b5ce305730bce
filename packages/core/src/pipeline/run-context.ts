import type { Sink } from '../sink/sink.ts';
import type { AckTracker } from './ack-tracker.ts';
import type { Conditions } from './conditions.ts';
import type { NormalizedPipelineOptions } from './normalize-options.ts';
import type { PipelineEvent } from './pipeline-event.ts';

/** What a pipeline has counted since its start. */
export interface Counters {
  received: number;
  delivered: number;
  replayed: number;
  skipped: number;
  parked: number;
  requests: number;
  retried: number;
  inFlightItems: number;
  /** Bytes held by unfinished batches. */
  inFlightBytes: number;
}

export function zeroCounters(): Counters {
  return {
    received: 0,
    delivered: 0,
    replayed: 0,
    skipped: 0,
    parked: 0,
    requests: 0,
    retried: 0,
    inFlightItems: 0,
    inFlightBytes: 0,
  };
}

/** What the parts of one running pipeline share. */
export interface RunContext<Item, Row extends object> {
  readonly options: NormalizedPipelineOptions<Row>;
  readonly sink: Sink<Item, Row>;
  readonly tracker: AckTracker;
  readonly conditions: Conditions;
  readonly counters: Counters;
  /** Aborted when the pipeline stops for whatever reason. */
  readonly signal: AbortSignal;
  /** True when somebody listens; events of single items are not made otherwise. */
  readonly isObserved: boolean;
  emit(event: PipelineEvent): void;
  /** Stops the pipeline with everything kept. */
  fail(error: unknown): void;
  /** Something became final: the checkpoint may follow, and who waits may go on. */
  settled(): void;
  /** Work that `stop()` waits for. A rejection fails the pipeline, unless it is stopping. */
  background(work: Promise<void>): void;
}
