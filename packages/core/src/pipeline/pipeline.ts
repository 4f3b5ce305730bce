import type { SourceLag } from '../source/change-source.ts';
import type { CopyProgress } from '../source/copy-progress.ts';
import type { SlotHealth } from '../source/slot-health.ts';
import type { PipelineState } from './pipeline-event.ts';

/** A snapshot of a pipeline. Counters start at zero with `start()`. */
export interface PipelineStatus {
  readonly name: string;
  readonly state: PipelineState;
  /** The error that stopped it, else null. */
  readonly error: Error | null;
  /** Events that came from the source. */
  readonly received: number;
  /** Items with verdict delivered. */
  readonly delivered: number;
  /** Of these, items that the other side says it had before. Some are normal after a restart or a lost answer. */
  readonly replayed: number;
  /** Events that no item was made of, and items that a rule skipped. */
  readonly skipped: number;
  readonly parked: number;
  /** Calls of `Sink.deliver`. */
  readonly requests: number;
  /** Items that were sent again. */
  readonly retried: number;
  /** Received but not acknowledged. */
  readonly unacknowledged: {
    readonly events: number;
    readonly bytes: number;
    /** Age of the oldest, milliseconds; 0 when there is none. */
    readonly ageMs: number;
  };
  /** Items waiting for their turn or in a request. */
  readonly inFlight: { readonly items: number; readonly bytes: number };
  /** How many lanes wait behind a parked item; the dead-letter store names them (names of lanes hold keys of rows). */
  readonly blockedLanes: number;
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** The newest saved position, else null. */
  readonly position: string | null;
  /** The replication slot as the source last saw it; null where there is none, or nobody has looked yet. */
  readonly slot: SlotHealth | null;
  /** Tables that the source is copying, and how far it is. */
  readonly copying: readonly CopyProgress[];
}

/**
 * A source joined with a sink.
 *
 * Every change that the source yields is delivered at least once, per record in commit order; the source is told that
 * a change is safe only after every change before it has its final verdict and the checkpoint is saved.
 */
export interface Pipeline extends AsyncDisposable {
  readonly name: string;
  /** Loads the checkpoint, opens the source and begins. Rejects with what made that impossible. */
  start(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Resolves when everything that was committed before the call has its final verdict and is acknowledged. */
  caughtUp(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Takes nothing new, finishes what was taken, acknowledges it and stops. Idempotent. */
  drain(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Stops now; what is in flight is abandoned and comes again after the next start. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when the pipeline has stopped: with null, or with the error that stopped it. Never rejects. */
  readonly closed: Promise<Error | null>;
  status(): PipelineStatus;
  lag(): Promise<SourceLag>;
  /** Delivers parked items again, lane by lane in order. Resolves with what became of them. */
  redrive(options?: {
    readonly lane?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<{ readonly delivered: number; readonly stillParked: number }>;
}
