import {
  CdcError,
  type ChangeBatch,
  type ChangeStream,
  type Checkpoint,
  GapError,
  PipelineStateError,
  type Position,
  type SourceEvent,
  type SourceLag,
} from '@certyo-cdc/core';
import { batchIterator, sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import { type LeaseKeeper, reconnectDelayMs, type SqlSession } from '@certyo-cdc/postgres';
import type { ChangeDecoder } from './change-decoder.ts';
import { type ChangeLog, LeaseLost, type LogPage } from './change-log.ts';
import type { CopyFilter } from './copy-filter.ts';
import type { CopyReader } from './copy-reader.ts';
import { type EndState, HandedOver } from './handed-over.ts';
import { bytesOf } from './log-row.ts';
import type { Pruner } from './pruner.ts';
import { beforeCopy, positionFromSequence, sequenceFromPosition } from './source-position.ts';
import { oldestSql } from './sql.ts';
import { Waiters } from './waiters.ts';
import type { Waker } from './waker.ts';

export interface LogStreamParts {
  readonly changeLog: ChangeLog;
  readonly decoder: ChangeDecoder;
  readonly pruner: Pruner;
  readonly waker: Waker;
  /** For what is not reading: lag and the like. */
  readonly side: SqlSession;
  readonly log: { readonly schema: string; readonly name: string };
  readonly delays: { readonly minDelayMs: number; readonly maxDelayMs: number };
  /** Rows that come before the log: of the first copy. */
  readonly copy: CopyReader | null;
  readonly onCopied: (filter: CopyFilter) => void;
  /** Checks everything that must still hold, before reading goes on after a loss and now and then. */
  readonly check: (options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly lease: Pick<LeaseKeeper, 'isHeld' | 'regain'>;
  readonly toCheckpoint: (state: EndState) => Checkpoint;
  readonly asError: (error: unknown) => Error;
  readonly close: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SourceEvent) => void;
}

/** Between two looks at the triggers. */
const CHECK_MS = 5_000;

/** Numbers that may pass without an event before the progress is worth an end. */
const IDLE_NUMBERS = 1_000n;

/** Changes of one log, in the order of its sequence, across reconnects. */
export class LogStream implements ChangeStream {
  readonly #parts: LogStreamParts;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #ends = new HandedOver();
  readonly #waiters = new Waiters();
  readonly #checkTimer: NodeJS.Timeout;
  /** Everything up to here was given by `next` calls that the consumer has come back from. */
  #handedOver: bigint;
  #yieldedTo: bigint;
  #lastEnd: bigint;
  #acknowledged: bigint;
  /** What the last page gave, with how far each batch goes. */
  readonly #queue: { readonly batch: ChangeBatch; readonly through: bigint }[] = [];
  #isCopying: boolean;
  #attempts = 0;
  #isLost = false;
  #pendingFailure: unknown = null;
  #failure: unknown = null;
  #closed: Promise<void> | null = null;
  #checking: Promise<void> | null = null;

  constructor(parts: LogStreamParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#closing.signal]);
    const { through, epoch } = parts.changeLog;
    this.#handedOver = through;
    this.#yieldedTo = through;
    this.#lastEnd = through;
    this.#acknowledged = through;
    this.#isCopying = parts.copy !== null;
    if (!this.#isCopying) this.#ends.yielded({ end: through, epoch, known: parts.decoder.known });
    this.#checkTimer = setInterval(() => this.#checkNow(), CHECK_MS);
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch> {
    return batchIterator(() => this.#next(), this);
  }

  checkpoint(end: Position): Checkpoint {
    return this.#parts.toCheckpoint(this.#endState(end));
  }

  async acknowledge(end: Position): Promise<void> {
    const state = this.#endState(end);
    if (state.end > this.#acknowledged) this.#acknowledged = state.end;
    this.#ends.acknowledged(state.end);
    this.#parts.pruner.acknowledge(state.end);
    await Promise.resolve();
  }

  /** By the log itself, so that what has not been read yet counts too. */
  async lag(): Promise<SourceLag> {
    const { log, side } = this.#parts;
    const { rows } = await side.query<{ readonly age_ms: string }>(
      oldestSql(log),
      [this.#acknowledged],
      { signal: this.#signal },
    );
    const age = rows[0]?.age_ms;
    return { bytes: null, ms: age === undefined ? null : Number(age) };
  }

  /** Resolves when what was committed before has been handed over; fails with the stream. */
  async caughtUp({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure;
    const target = await this.#parts.changeLog.committedTo({ signal });
    this.#parts.waker.nudge();
    while (this.#isCopying || this.#handedOver < target) {
      if (this.#failure !== null) throw this.#failure;
      await this.#waiters.movement(signal);
    }
  }

  /** Looks at the log now. */
  nudge(): void {
    this.#parts.waker.nudge();
  }

  /** Ends the stream with an error that was found beside the reading. */
  fail(error: unknown): void {
    this.#pendingFailure ??= error;
    this.#parts.waker.nudge();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#checkTimer);
    this.#failure ??= new PipelineStateError('The stream is closed.');
    this.#closing.abort(this.#failure);
    this.#waiters.wake();
    await this.#checking;
    await this.#parts.copy?.close();
    await this.#parts.close();
  }

  #endState(end: Position): EndState {
    const state = this.#ends.at(sequenceFromPosition(end));
    if (state !== null) return state;
    throw new PipelineStateError(`The position ${end} was not handed over by this stream.`);
  }

  async #next(): Promise<ChangeBatch | null> {
    this.#handedOver = this.#yieldedTo;
    this.#waiters.wake();
    for (;;) {
      if (this.#closed !== null) return null;
      try {
        this.#signal.throwIfAborted();
        if (this.#queue.length === 0) {
          if (this.#isCopying) await this.#copy();
          else await this.#look();
        }
        // The process may have been stopped since the page was read.
        if (!this.#parts.lease.isHeld) await this.#regain();
        const next = this.#queue.shift();
        if (next === undefined) continue;
        this.#yieldedTo = next.through;
        return next.batch;
      } catch (error) {
        if (this.#closed !== null) return null;
        try {
          await this.#lost(error);
        } catch (fatal) {
          if (this.#closed !== null) return null;
          this.#failure = fatal;
          this.#waiters.wake();
          throw fatal;
        }
      }
    }
  }

  async #copy(): Promise<void> {
    const { changeLog, copy, decoder, onCopied } = this.#parts;
    if (this.#isLost) await this.#resume();
    const copied = await copy?.next({ signal: this.#signal });
    const through = this.#yieldedTo;
    if (copied !== undefined && 'batch' in copied) {
      this.#queue.push({ batch: copied.batch, through });
      return;
    }
    const { epoch } = changeLog;
    if (copied !== undefined && 'begins' in copied) {
      // What is handed over from now on has to be made good should it be gone when the copy begins again.
      const end = beforeCopy(through);
      this.#ends.yielded({ end, epoch, known: decoder.known, copying: copied.begins });
      const batch = { events: [], bytes: 0, end: positionFromSequence(end) };
      this.#queue.push({ batch, through });
      return;
    }
    if (copied !== undefined) onCopied(copied.filter);
    // That the copy is whole is worth a checkpoint, before the first change.
    this.#ends.yielded({ end: through, epoch, known: decoder.known });
    const end = positionFromSequence(through);
    this.#queue.push({ batch: { events: [], bytes: 0, end }, through });
    this.#isCopying = false;
  }

  /** One look at the log: queues what it gave, else waits until it is time for the next. */
  async #look(): Promise<void> {
    const { changeLog, decoder, waker } = this.#parts;
    const options = { signal: this.#signal };
    if (this.#pendingFailure !== null) throw this.#pendingFailure;
    if (this.#isLost) await this.#resume();
    const { through } = changeLog;
    const known = decoder.known;
    let page: LogPage;
    try {
      page = await changeLog.read(options);
      await this.#take(page);
    } catch (error) {
      if (error instanceof LeaseLost) return this.#regain();
      // What could not be decoded is read again.
      changeLog.rewind(through);
      decoder.rewind(known);
      throw error;
    }
    this.#attempts = 0;
    if (this.#queue.length > 0 || page.hasMore) await waker.found(options);
    else await waker.idle(page.isPending, options);
  }

  /** Queues a page: a batch ends where its end is, so that a restart from it repeats nothing of the batch. */
  async #take({ endsAt, epoch, hasMore, rows, through }: LogPage): Promise<void> {
    const { decoder } = this.#parts;
    const cut = endsAt === null ? 0 : rows.filter((row) => row.sequence <= endsAt).length;
    const before = rows.slice(0, cut);
    const behind = rows.slice(cut);
    const eventsBefore = await decoder.decode(before, epoch);
    const known = decoder.known;
    const eventsBehind = await decoder.decode(behind, epoch);
    const isWorth = rows.length > 0 || (!hasMore && through - this.#lastEnd >= IDLE_NUMBERS);
    if (endsAt !== null && isWorth) {
      this.#lastEnd = endsAt;
      this.#ends.yielded({ end: endsAt, epoch, known });
      const end = positionFromSequence(endsAt);
      const batch = { events: eventsBefore, bytes: bytesOf(before), end };
      this.#queue.push({ batch, through: eventsBehind.length > 0 ? endsAt : through });
    }
    if (eventsBehind.length > 0) {
      const batch = { events: eventsBehind, bytes: bytesOf(behind), end: null };
      this.#queue.push({ batch, through });
    }
    if (this.#queue.length === 0) {
      this.#yieldedTo = through;
      this.#handedOver = through;
      this.#waiters.wake();
    }
  }

  /** What was read under the lease that ended is good when nobody else had one since. */
  async #regain(): Promise<void> {
    const { changeLog, lease } = this.#parts;
    await lease.regain({ signal: this.#signal });
    changeLog.restart();
  }

  async #resume(): Promise<void> {
    const options = { signal: this.#signal };
    await this.#parts.check(options);
    await this.#parts.lease.regain(options);
    this.#parts.changeLog.restart();
    this.#isLost = false;
    this.#parts.onEvent({ type: 'source-reconnected', attempts: this.#attempts });
  }

  /** Waits before the next attempt. Throws what cannot be waited out. */
  async #lost(error: unknown): Promise<void> {
    const { asError, delays, onEvent, signal, waker } = this.#parts;
    signal.throwIfAborted();
    const known = asError(error);
    if (!(CdcError.is(known) && known.retryable)) throw known;
    this.#isLost = true;
    waker.forget();
    const delay = reconnectDelayMs(delays, this.#attempts, Math.random());
    this.#attempts += 1;
    onEvent({ type: 'source-disconnected', error: known, retryInMs: delay });
    await sleep(SYSTEM_TIME, delay, this.#signal);
  }

  /** A lost connection is noticed by the reading; only what has been changed counts here. */
  #checkNow(): void {
    if (this.#checking !== null || this.#isLost) return;
    this.#checking = this.#parts
      .check({ signal: this.#signal })
      .catch((error: unknown) => {
        if (this.#closed === null && error instanceof GapError) this.fail(error);
      })
      .finally(() => {
        this.#checking = null;
      });
  }
}
