import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import type { JsonRow } from '../event/json.ts';

/**
 * What `shareSource` has to know of a stream: where it began, and how its positions lie to each other and to its events.
 *
 * A stream that offers it gives the same events in the same order whenever it is opened at the same checkpoint; where
 * its batches and their ends are may differ, but a batch without an end holds no end of a transaction. `checkpoint` of an
 * end that it gave works also after it was closed.
 */
export interface StreamSharing<Row extends object = JsonRow> {
  /** Where the stream began; its `checkpoint(begin)` can be asked for from the start. */
  readonly begin: Position;
  /** Negative when `a` lies before `b`, 0 when they are the same place, else positive. */
  compare(a: Position, b: Position): number;
  /** Whether an event that this stream gave lies at or below a position. False where that cannot be told. */
  isCovered(event: ChangeEvent<Row>, end: Position): boolean;
  /**
   * Judges another checkpoint as `open` would, without going there: rejects with the `GapError` that `open` would give
   * for another server, another timeline, or a position that the server does not hold.
   */
  admit(checkpoint: Checkpoint, options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Where a consumer goes on whose checkpoint stands before a gap that the stream goes on behind: where the stream begins,
   * or at its own position where that lies further on. Either way it is given the record of the gap. Null for one that
   * does not stand before such a gap. @default null
   */
  placeBehindGap?(checkpoint: Checkpoint): Position | null;
  /** Ends before this one will not be asked for again, though nothing was acknowledged. */
  forget(end: Position): void;
}
