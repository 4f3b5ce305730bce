import type { Checkpoint, CheckpointStore, Position } from '../checkpoint/checkpoint.ts';
import type { DeadLetterStore } from '../dead-letter/dead-letter-store.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import type { JsonRow } from '../event/json.ts';
import type { CopyProgress } from './copy-progress.ts';
import type { SlotHealth } from './slot-health.ts';
import type { SourceEvent } from './source-event.ts';
import type { StreamSharing } from './stream-sharing.ts';

/** What one socket read or one page gave. */
export interface ChangeBatch<Row extends object = JsonRow> {
  readonly events: readonly ChangeEvent<Row>[];
  /** Bytes that this batch keeps in memory while it is held: whole socket chunks, not only the rows. */
  readonly bytes: number;
  /**
   * The newest position at which everything before it has been handed over, by this or earlier batches: set when a
   * transaction ended inside the batch or when idle progress was learnt. Only an `end` is ever acknowledged.
   */
  readonly end: Position | null;
}

/** How far behind its server a source is. */
export interface SourceLag {
  /** Bytes of log between the acknowledged position and the server's end, or null where that has no meaning. */
  readonly bytes: number | null;
  /** Milliseconds since the oldest change that is not acknowledged was committed, or null when there is none. */
  readonly ms: number | null;
}

/**
 * An open stream of changes, in commit order. Reconnects on its own; rejects the iteration only with an error that
 * nobody can wait out (a gap, a refused login, a protocol error).
 */
export interface ChangeStream<Row extends object = JsonRow>
  extends AsyncIterable<ChangeBatch<Row>>, AsyncDisposable {
  /** The checkpoint to save for an `end` that this stream has yielded. */
  checkpoint(end: Position): Checkpoint;
  /** Tells the server that everything up to `end` is safe. Call it only after the checkpoint is saved. */
  acknowledge(end: Position): Promise<void>;
  lag(): Promise<SourceLag>;
  /** The replication slot as it was last looked at; null before the first look, absent where there is none. */
  slotHealth?(): SlotHealth | null;
  /** The tables that are being copied; absent where a source copies none. */
  progress?(): readonly CopyProgress[];
  /** Resolves when everything that was committed before the call has been handed over by the iterator. */
  caughtUp(options: { readonly signal: AbortSignal }): Promise<void>;
  /** What `shareSource` needs; absent where a stream cannot be shared. */
  readonly sharing?: StreamSharing<Row> | undefined;
}

/** What `open` gets from the pipeline. */
export interface OpenOptions {
  /** Where to go on; null starts at the source's own beginning. */
  readonly after: Checkpoint | null;
  /** When `after` was saved, milliseconds since 1970 by its store's clock; where it is not known, undefined. */
  readonly savedAtMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Observes the source (reconnects, warnings). Must not throw. */
  readonly onEvent?: ((event: SourceEvent) => void) | undefined;
}

/** Something that yields change events and can be told how far they are safe. */
export interface ChangeSource<Row extends object = JsonRow> {
  readonly name: string;
  readonly kind: string;
  /** Where the checkpoint is kept when the pipeline's options name no store. */
  readonly checkpoints?: CheckpointStore | undefined;
  /** Where parked records are kept when the pipeline's options name no store. */
  readonly deadLetters?: DeadLetterStore | undefined;
  open(options: OpenOptions): Promise<ChangeStream<Row>>;
}
