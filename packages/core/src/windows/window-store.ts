import type { Position, SourceIdentity, StoredCheckpoint } from '../checkpoint/checkpoint.ts';
import type { ChangeEvent } from '../event/change-event.ts';

/** What became of an event, when everything that was made of it is final. */
export type EventOutcome = 'delivered' | 'skipped' | 'parked';

/** How many events of one table and operation there were. `captured` is the sum of the other three. */
export interface EventCounts {
  /** As in collections, `schema.table`; `$messages` and `$gaps` for what belongs to no table. */
  readonly table: string;
  readonly operation: ChangeEvent['operation'];
  /** Handed over by the source. */
  readonly captured: number;
  /** Of which nothing was parked, and something was accepted by the sink. */
  readonly delivered: number;
  /** Left out by a rule: the filter, the mapper, or the sink. */
  readonly skipped: number;
  /** Of which something was parked durably. Sending it later does not change what is counted here. */
  readonly parked: number;
}

/** The least and the greatest of some texts, as texts compare. */
export interface TextRange {
  readonly first: string;
  readonly last: string;
}

/** Whose positions these are. */
export interface SpanSource {
  readonly name: string;
  readonly kind: string;
  readonly epoch: number;
  readonly identity: SourceIdentity;
}

/**
 * What lies between two checkpoints that were saved one after the other: (from, to].
 *
 * A source that goes on from a checkpoint hands over exactly what lies behind it, so that what comes again after a crash is
 * counted in the one span whose checkpoint is saved in the end.
 */
export interface CheckpointSpan {
  readonly pipeline: string;
  readonly source: SpanSource;
  /** The position of the checkpoint that is replaced; null at the source's own beginning. */
  readonly from: Position | null;
  readonly to: Position;
  /** The revision of the checkpoint that is replaced. */
  readonly replaces: string | null;
  /** The revision under which the checkpoint of `to` is going to be saved. */
  readonly revision: string;
  /** Sorted by table and operation. */
  readonly counts: readonly EventCounts[];
  /** Of the events' versions; null where there are none. */
  readonly versions: TextRange | null;
  /** Of the events' commit times, as far as they are known. */
  readonly committed: TextRange | null;
}

/** Where a pipeline begins. */
export interface BeginWindowsOptions {
  readonly pipeline: string;
  readonly source: { readonly name: string; readonly kind: string };
  /** The checkpoint that it goes on from. */
  readonly stored: StoredCheckpoint | null;
  readonly signal: AbortSignal;
}

/**
 * Where windows of completeness are kept. One pipeline calls one method at a time.
 *
 * A span is staged before its checkpoint is saved, and counts if, and only if, that checkpoint was: which of the two it is, is
 * seen by the revision of the checkpoint that the next life finds. So nothing is counted twice or left out wherever a
 * process dies, and checkpoints may be kept anywhere.
 */
export interface WindowStore {
  /** Called once, before the first event: settles what an earlier life has staged. */
  begin(options: BeginWindowsOptions): Promise<void>;
  /** Resolves when the span is durable. The same one again changes nothing. */
  stage(span: CheckpointSpan, options: { readonly signal: AbortSignal }): Promise<void>;
  /** The checkpoint of this revision is saved and acknowledged: a window may be closed. */
  saved(
    pipeline: string,
    revision: string,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  /** Releases connections. Idempotent. */
  close(): Promise<void>;
}
