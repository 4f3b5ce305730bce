import {
  type ChangeBatch,
  type ChangeStream,
  type Checkpoint,
  type CopyProgress,
  PipelineStateError,
  type Position,
  type SlotHealth,
  type SourceLag,
  type StreamSharing,
} from '@certyo-cdc/core';
import { batchIterator } from '@certyo-cdc/core/internal';
import { comparePositions, copyPosition } from '../stream/source-position.ts';
import type { ReplicationStream } from '../stream/replication-stream.ts';
import type { Backfiller, CopiedChunk } from './backfiller.ts';
import {
  type CopyJob,
  type CopyState,
  type CopyTask,
  copyStateToJson,
  FIRST_COPY,
  NOTHING_TO_COPY,
  restarted,
  taskOf,
  withBlocks,
  withProgress,
} from './copy-jobs.ts';
import type { CopyProgressReport } from './copy-progress.ts';
import { MovedRows } from './moved-rows.ts';
import type { CopiedPiece, SnapshotCopy } from './snapshot-copy.ts';

export interface CopyingStreamParts {
  readonly inner: ReplicationStream;
  readonly state: CopyState;
  /** What the checkpoint says of copies. */
  readonly saved: CopyState;
  /** Ends of copied rows that there were before at this position. */
  readonly copies: number;
  /** Rows that come before the first change. */
  readonly first: SnapshotCopy | null;
  readonly backfiller: (stream: CopyingStream) => Backfiller;
  readonly progress: CopyProgressReport;
  /** The copy under the first snapshot was cut off. Throws what cannot be waited out. */
  readonly onCutOff: (error: unknown) => void;
  /** An end was acknowledged, with another state of copies than the one before. */
  readonly onSaved: () => void;
  /** What else goes when the stream does. */
  readonly close: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** What the changes gave next; null when they are over. */
type Arrived = { readonly batch: ChangeBatch | null } | { readonly error: unknown };

/**
 * Puts copied rows into a stream of changes: those of the first copy before it, those of backfills at its ends. What is
 * left to copy is kept with the checkpoint of every end.
 */
export class CopyingStream implements ChangeStream {
  readonly sharing: StreamSharing;
  readonly #parts: CopyingStreamParts;
  readonly #inner: ReplicationStream;
  readonly #changes: AsyncIterator<ChangeBatch>;
  readonly #backfiller: Backfiller;
  #first: SnapshotCopy | null;
  #state: CopyState;
  readonly #moved = new MovedRows();
  /** What was left to copy at each end that was handed over and is not acknowledged. */
  readonly #ends = new Map<Position, CopyState>();
  #acknowledged: CopyState;
  #queue: ChangeBatch[] = [];
  #copies: number;
  #isPulling = false;
  #arrived: Arrived | null = null;
  /** The end of the batch that was handed over last, as long as nothing behind it was asked for. */
  #endBefore: Position | null = null;
  #isRoused = false;
  #rouse: (() => void) | null = null;
  #closed: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #waiters: (() => void)[] = [];

  constructor(parts: CopyingStreamParts) {
    this.#parts = parts;
    this.#inner = parts.inner;
    this.#changes = parts.inner[Symbol.asyncIterator]();
    this.#first = parts.first;
    this.#state = parts.state;
    this.#acknowledged = parts.saved;
    this.#copies = parts.copies;
    this.#backfiller = parts.backfiller(this);
    const { sharing } = parts.inner;
    this.sharing = Object.freeze({
      ...sharing,
      forget: (end) => {
        // The end itself stays: its checkpoint may be asked for.
        for (const before of this.#ends.keys()) {
          if (comparePositions(before, end) >= 0) break;
          this.#ends.delete(before);
        }
        sharing.forget(end);
      },
    } satisfies StreamSharing);
    this.#noteEnd(sharing.begin);
    const begin = parts.inner.stand();
    // That a copy has begun is worth a checkpoint: without one nobody would know what is missing.
    if (begin !== null && parts.state.jobs.length > 0) {
      this.#queue.push({ events: [], bytes: 0, end: this.#endAt(begin) });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch> {
    return batchIterator(() => this.#next(), this);
  }

  /** What is left to copy. */
  get state(): CopyState {
    return this.#state;
  }

  /** What was left to copy at the newest acknowledged end. */
  get acknowledged(): CopyState {
    return this.#acknowledged;
  }

  checkpoint(end: Position): Checkpoint {
    const checkpoint = this.#inner.checkpoint(end);
    const copy = copyStateToJson(this.#ends.get(end) ?? NOTHING_TO_COPY);
    if (copy === null) return checkpoint;
    return { ...checkpoint, state: { ...(checkpoint.state as object), copy } };
  }

  async acknowledge(end: Position): Promise<void> {
    await this.#inner.acknowledge(end);
    const state = this.#ends.get(end);
    if (state !== undefined) {
      // The end itself stays: its checkpoint may be asked for again.
      for (const before of this.#ends.keys()) {
        if (before === end) break;
        this.#ends.delete(before);
      }
    }
    const before = this.#acknowledged;
    this.#acknowledged = state ?? NOTHING_TO_COPY;
    if (before !== this.#acknowledged) this.#parts.onSaved();
  }

  lag(): Promise<SourceLag> {
    return this.#inner.lag();
  }

  slotHealth(): SlotHealth | null {
    return this.#inner.slotHealth();
  }

  progress(): readonly CopyProgress[] {
    return this.#parts.progress.current;
  }

  /** Resolves when the first copy is whole and all that was committed before the call has been handed over. */
  async caughtUp({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    while (this.#isFirstCopyMissing()) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#closed !== null) throw new PipelineStateError('The stream is closed.');
      await this.#movement(signal);
    }
    await this.#inner.caughtUp({ signal });
  }

  /** Something has changed beside the stream: look again. */
  nudge(): void {
    this.#isRoused = true;
    const rouse = this.#rouse;
    this.#rouse = null;
    rouse?.();
  }

  /** Changes what is to be copied; it is kept with the next end. */
  change(state: CopyState): void {
    const isNothing = state.jobs.length === 0 && state.finished.length === 0;
    this.#state = isNothing ? NOTHING_TO_COPY : state;
    this.#wakeWaiters();
    this.nudge();
  }

  /** The table was written anew: where its rows lay says nothing any more. */
  restart(job: CopyJob, task: CopyTask): void {
    this.change(restarted(this.#state, job.id, task.table));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.nudge();
    // Statements of theirs that are under way end with the connection of the stream, at the latest.
    const closing = Promise.all([
      this.#first?.close(),
      this.#backfiller.close(),
      this.#parts.close(),
    ]);
    await this.#inner[Symbol.asyncDispose]();
    await closing;
    this.nudge();
    this.#wakeWaiters();
  }

  async #next(): Promise<ChangeBatch | null> {
    try {
      return await this.#take();
    } catch (error) {
      this.#failure ??= { error };
      this.#wakeWaiters();
      throw error;
    }
  }

  async #take(): Promise<ChangeBatch | null> {
    for (;;) {
      if (this.#closed !== null) return null;
      const queued = this.#queue.shift();
      if (queued !== undefined) return queued;
      if (this.#first !== null) {
        const batch = await this.#copyFirst(this.#first);
        if (batch !== null) return batch;
        continue;
      }
      this.#backfiller.check();
      this.#backfiller.start();
      if (this.#putIn(this.#endBefore)) continue;
      this.#pull();
      if (this.#arrived === null && this.#putIn(this.#inner.stand())) continue;
      const arrived = this.#arrived;
      if (arrived === null) {
        await this.#change();
        continue;
      }
      this.#arrived = null;
      if ('error' in arrived) throw arrived.error;
      return this.#handOver(arrived.batch);
    }
  }

  #handOver(batch: ChangeBatch | null): ChangeBatch | null {
    if (batch === null) return null;
    this.#backfiller.saw(batch.events);
    this.#state = this.#moved.saw(this.#state, batch.events);
    this.#endBefore = batch.end;
    if (batch.end !== null) this.#noteEnd(batch.end);
    return batch;
  }

  /** Asks the changes for the next batch, unless it has been asked for. */
  #pull(): void {
    if (this.#isPulling || this.#arrived !== null) return;
    this.#isPulling = true;
    this.#endBefore = null;
    const settle = (arrived: Arrived): void => {
      this.#isPulling = false;
      this.#arrived = arrived;
      this.nudge();
    };
    this.#changes.next().then(
      (result) => settle({ batch: result.done === true ? null : result.value }),
      (error: unknown) => settle({ error }),
    );
  }

  /** Where the stream stands at an end: opens a window, or puts a chunk in. True when there is something to hand over. */
  #putIn(end: Position | null): boolean {
    if (end === null || !this.#backfiller.isWaiting) return false;
    const chunk = this.#backfiller.standsAt(end);
    // Its job may have been cancelled meanwhile.
    if (chunk === null || taskOf(this.#state, chunk.job.id, chunk.table.label) === null)
      return false;
    this.#noteChunk(chunk);
    const last: ChangeBatch = { events: [], bytes: 0, end: this.#endAt(end) };
    const batches = chunk.batches.map((batch): ChangeBatch => ({ ...batch, end: null }));
    const final = batches.pop();
    this.#queue.push(...batches, final === undefined ? last : { ...final, end: last.end });
    return true;
  }

  #noteChunk({ job, next, rows, since, table, task }: CopiedChunk): void {
    const { progress } = this.#parts;
    const copy = { id: job.id, table: table.label, estimate: table.estimate };
    progress.copied(copy, rows, task.rows);
    this.change(withProgress(this.#state, job.id, task.table, { cursor: next, rows, since }));
    if (taskOf(this.#state, job.id, table.label)?.cursor == null) progress.finished(copy);
  }

  async #copyFirst(first: SnapshotCopy): Promise<ChangeBatch | null> {
    let piece: CopiedPiece | null;
    try {
      piece = await first.next();
    } catch (error) {
      this.#parts.signal.throwIfAborted();
      if (this.#closed !== null) return null;
      await this.#endFirst(first);
      this.#parts.onCutOff(error);
      return null;
    }
    if (piece === null) {
      await this.#endFirst(first);
      return null;
    }
    return this.#takePiece(piece);
  }

  async #endFirst(first: SnapshotCopy): Promise<void> {
    this.#first = null;
    await first.close();
    this.change(this.#state);
  }

  #takePiece({ bytes, done, events, isLost, table }: CopiedPiece): ChangeBatch | null {
    const { progress } = this.#parts;
    const copy = { id: FIRST_COPY, table: table.label, estimate: table.estimate };
    if (isLost) {
      this.change(restarted(this.#state, FIRST_COPY, table.name));
      return null;
    }
    progress.copied(copy, events.length);
    if (done === null) {
      return { events, bytes, end: null };
    }
    const part = { oid: done.leaf.oid, range: done.range, rows: done.rows };
    this.change(withBlocks(this.#state, table.name, part));
    if (taskOf(this.#state, FIRST_COPY, table.label)?.cursor == null) progress.finished(copy);
    const begin = this.#inner.stand();
    return begin === null ? null : { events: [], bytes: 0, end: this.#endAt(begin) };
  }

  /** An end of its own for copied rows, with what is left to copy behind it. */
  #endAt(end: Position): Position {
    const position = copyPosition(end, ++this.#copies);
    this.#noteEnd(position);
    return position;
  }

  #noteEnd(end: Position): void {
    if (this.#state === NOTHING_TO_COPY && this.#ends.size === 0) return;
    // The order of the map is that of the ends.
    this.#ends.delete(end);
    this.#ends.set(end, this.#state);
  }

  #isFirstCopyMissing(): boolean {
    return this.#first !== null || this.#state.jobs.some(({ id }) => id === FIRST_COPY);
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  #movement(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
      if (signal.aborted) abort();
    });
  }

  async #change(): Promise<void> {
    if (!this.#isRoused) {
      await new Promise<void>((resolve) => {
        this.#rouse = resolve;
      });
    }
    this.#isRoused = false;
  }
}
