import { CdcError, type ChangeEvent, type Position, type SourceEvent } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME, tableLabel } from '@certyo-cdc/core/internal';
import {
  qualifiedName,
  type QualifiedName,
  type ReconnectDelays,
  reconnectDelayMs,
} from '@certyo-cdc/postgres';
import type { Lsn } from '../protocol/lsn.ts';
import { lsnFromPosition } from '../stream/source-position.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { commitsFlushedTo } from '../stream/wal-end.ts';
import { keysOf } from './chunk-keys.ts';
import type { Chunk, ChunkReader } from './chunk-reader.ts';
import type { CopiedTable } from './copied-table.ts';
import { cursorName, FROM_THE_START } from './copy-cursor.ts';
import type { CopyJob, CopyTask, NamedTable } from './copy-jobs.ts';
import { type CopiedAt, copiedEvents } from './row-events.ts';
import { StreamedXids } from './streamed-xids.ts';
import { ChunkWindow } from './window.ts';
import { RUNNING_XIDS_SQL, SNAPSHOT_SQL, XidSnapshot } from './xid-snapshot.ts';

/** A part of a table that is put into the stream. */
export interface CopiedChunk {
  readonly job: CopyJob;
  readonly task: CopyTask;
  readonly table: CopiedTable;
  /** The rows; the last batch has no end yet. */
  readonly batches: readonly { readonly events: readonly ChangeEvent[]; readonly bytes: number }[];
  readonly rows: number;
  readonly next: CopyTask['cursor'];
  /** With the first chunk of a table: the oldest transaction that it may not show. */
  readonly since: string | undefined;
}

export interface BackfillerParts {
  readonly reader: ChunkReader;
  /** Null when the table is not captured any more. */
  readonly describe: (table: NamedTable) => Promise<CopiedTable | null>;
  /** Chooses what to copy next; null when there is nothing. */
  readonly nextTask: () => { readonly job: CopyJob; readonly task: CopyTask } | null;
  readonly source: CopiedAt['source'];
  readonly epochAt: (end: Lsn) => number;
  readonly query: TextQuery;
  /** Resolves when everything up to a position has been handed over. */
  readonly reached: (target: Lsn, options: { readonly signal: AbortSignal }) => Promise<void>;
  readonly isStandby: boolean;
  readonly delays: ReconnectDelays;
  readonly asError: (error: unknown) => Error;
  /** A job cannot be done; throws when the stream has to end for it. */
  readonly onFailed: (job: CopyJob, error: Error) => void;
  /** There is no such table any more. */
  readonly onGone: (job: CopyJob, task: CopyTask) => void;
  /** A table may be another one than it was described as: they have to be looked at again. */
  readonly onAltered: () => void;
  /** The table was given another name. */
  readonly onRenamed: (job: CopyJob, task: CopyTask, name: QualifiedName) => void;
  /** The table was written anew: where its rows lay says nothing any more. */
  readonly onMoved: (job: CopyJob, task: CopyTask) => void;
  /** The stream should come by: there is something to open or to put in. */
  readonly onReady: () => void;
  readonly onEvent: (event: SourceEvent) => void;
  readonly signal: AbortSignal;
}

/** Time after which a wait for other transactions is told. */
const WAIT_TOLD_AFTER_MS = 5_000;
/** Attempts at the smallest chunk while the stream goes on to touch its rows without showing all of them. */
const MOST_INCOMPLETE = 20;
/** Halvings after which the largest chunk has one row. */
const SMALLEST = 20;

type Phase =
  | { readonly at: 'idle' }
  /** Waits for an end at which to open a window. */
  | {
      readonly at: 'asking';
      readonly table: CopiedTable;
      readonly opened: (w: ChunkWindow) => void;
    }
  | { readonly at: 'reading'; readonly window: ChunkWindow }
  /** Waits for an end at which to put the chunk in. */
  | { readonly at: 'holding'; readonly window: ChunkWindow; readonly chunk: HeldChunk };

interface HeldChunk {
  readonly job: CopyJob;
  readonly task: CopyTask;
  readonly table: CopiedTable;
  readonly chunk: Chunk;
  readonly mayLeaveOut: boolean;
  readonly settled: (isIn: boolean) => void;
}

/**
 * Copies tables in chunks beside the running stream.
 *
 * One chunk at a time: a window is opened at an end of the stream; the chunk is read; the stream goes on until it has passed
 * everything that the chunk may show; what the window saw is left out of the chunk; the rest is put in at an end.
 */
export class Backfiller {
  readonly #parts: BackfillerParts;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  #phase: Phase = { at: 'idle' };
  /** Null while nothing is copied. */
  #streamed: StreamedXids | null = null;
  /** How often the chunk was halved, because what happened to it while it was large did not let it in. */
  #halvings = 0;
  #incomplete = 0;
  /** An end of the log, and how far it has to be read for all commits before it. */
  #flushed: { readonly written: Lsn; readonly to: Lsn } | null = null;
  #work: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(parts: BackfillerParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#closing.signal]);
  }

  /** Begins to work, unless it does already. */
  start(): void {
    if (this.#signal.aborted || this.#work !== null || this.#parts.nextTask() === null) return;
    this.#work = this.#run()
      .catch((error: unknown) => {
        if (!this.#signal.aborted) this.#failure = { error };
      })
      .finally(() => {
        this.#work = null;
        this.#streamed = null;
        this.#phase = { at: 'idle' };
        this.#parts.onReady();
      });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The stream is closed.'));
    await this.#work;
    await this.#parts.reader.close();
  }

  /** Takes note of what is handed over. */
  saw(events: readonly ChangeEvent[]): void {
    this.#streamed?.saw(events);
    this.#window?.saw(events);
  }

  /** The stream was cut, or goes on elsewhere: nobody knows what the chunk shows of it. */
  interrupted(): void {
    this.#window?.spoil('reconnect');
    this.#streamed?.interrupted();
    this.#flushed = null;
  }

  /** Throws what the copy failed with. */
  check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Whether something waits for an end of the stream. */
  get isWaiting(): boolean {
    return this.#phase.at === 'asking' || this.#phase.at === 'holding';
  }

  /** The stream stands at an end: opens the window, or gives a chunk to put in. */
  standsAt(end: Position): CopiedChunk | null {
    const phase = this.#phase;
    if (phase.at === 'asking') {
      const window = new ChunkWindow(phase.table.relation.table, this.#streamed?.unconfirmed ?? []);
      this.#phase = { at: 'reading', window };
      phase.opened(window);
      return null;
    }
    if (phase.at !== 'holding') return null;
    const { window, chunk: held } = phase;
    const copied = window.spoilt === null ? this.#putIn(end, window, held) : null;
    this.#phase = { at: 'reading', window };
    held.settled(copied !== null);
    return copied;
  }

  get #window(): ChunkWindow | null {
    return 'window' in this.#phase ? this.#phase.window : null;
  }

  #putIn(end: Position, window: ChunkWindow, held: HeldChunk): CopiedChunk | null {
    const { chunk, job, table, task } = held;
    const position = lsnFromPosition(end);
    const { epochAt, source } = this.#parts;
    const at = { source, epoch: epochAt(position), position, copy: `copy-${job.id}` };
    // A row is named by its place behind the cursor, as the table is at this end, those that are left out too: whoever reads
    // a chunk from the same cursor in the same place gives the same row the same name, and no other row.
    const first = `${cursorName(task.cursor)}.`;
    let number = 0;
    let rows = 0;
    const batches: { events: readonly ChangeEvent[]; bytes: number }[] = [];
    for (const piece of chunk.pieces) {
      const all = copiedEvents(table, piece, at, first, number);
      number += all.length;
      if (window.leavesOut(all)) {
        if (!held.mayLeaveOut) {
          window.spoil('incomplete');
          return null;
        }
        this.#parts.onEvent({
          type: 'source-warned',
          code: 'COPY_ROW_INCOMPLETE',
          message: `A row of ${table.label} is changed again and again without its large values, so that its copy never fits in between: those values are not copied. To have them sent with every change: ALTER TABLE ${qualifiedName(table.name)} REPLICA IDENTITY FULL;`,
        });
      }
      const events = window.untouched(all);
      rows += events.length;
      if (events.length > 0) batches.push({ events, bytes: piece.bytes.length });
    }
    const isFirst = task.cursor?.by === 'keyset' && task.cursor.after === null;
    const since = isFirst ? chunk.snapshot.oldest : undefined;
    return { job, task, table, batches, rows, next: chunk.next, since };
  }

  async #run(): Promise<void> {
    let attempts = 0;
    while (!this.#signal.aborted) {
      const next = this.#parts.nextTask();
      if (next === null) {
        await this.#parts.reader.close();
        return;
      }
      try {
        this.#streamed ??= await this.#beginTracking();
        await this.#copyChunk(next, this.#streamed);
        attempts = 0;
      } catch (error) {
        this.#signal.throwIfAborted();
        const known = this.#parts.asError(error);
        if (!(CdcError.is(known) && known.retryable)) {
          this.#parts.onFailed(next.job, known);
          continue;
        }
        const delay = reconnectDelayMs(this.#parts.delays, attempts, Math.random());
        attempts += 1;
        if (attempts === 3) {
          this.#parts.onEvent({
            type: 'source-warned',
            code: 'COPY_WAITS',
            message: `The copy of ${tableLabel(next.task.table)} waits: ${known.message}`,
          });
        }
        await sleep(SYSTEM_TIME, delay, this.#signal);
      } finally {
        this.#phase = { at: 'idle' };
      }
    }
  }

  /**
   * From here on every streamed transaction is noted. Those that were streamed before and are not visible yet are among
   * the running ones, so these are noted too.
   */
  async #beginTracking(): Promise<StreamedXids> {
    const streamed = new StreamedXids();
    this.#streamed = streamed;
    // On a standby a transaction is visible before it is streamed.
    if (this.#parts.isStandby) return streamed;
    try {
      const rows = await this.#parts.query(RUNNING_XIDS_SQL);
      for (const row of rows) streamed.add(Number(row['xid']));
      return streamed;
    } catch (error) {
      // Without them it would let in what a row was before a transaction that was streamed.
      this.#streamed = null;
      throw error;
    }
  }

  async #copyChunk(
    { job, task }: { readonly job: CopyJob; readonly task: CopyTask },
    streamed: StreamedXids,
  ): Promise<void> {
    const { oid } = task;
    const named = oid === undefined ? task.table : { ...task.table, oid };
    const table = await this.#parts.describe(named);
    if (table === null) return this.#parts.onGone(job, task);
    if (table.label !== tableLabel(task.table)) {
      return this.#parts.onRenamed(job, task, table.name);
    }
    if (table.movesUnseen && task.cursor?.by === 'ctid') return this.#parts.onMoved(job, task);
    // Before the window, so that it is not open for long.
    await this.#untilEnded(streamed.unconfirmed, streamed, table, null);
    const window = await this.#openWindow(table);
    const chunk = await this.#readVisible(job, task, table, window, streamed);
    if (chunk !== null) {
      window.isRead(() => keysOf(table, chunk));
      const options = { signal: this.#signal };
      await this.#parts.reached(await this.#flushedTo(chunk.readAt), options);
      const mayLeaveOut = this.#incomplete >= MOST_INCOMPLETE;
      const isIn = await this.#wait<boolean>((settled) => {
        const held = { job, task, table, chunk, mayLeaveOut, settled };
        this.#phase = { at: 'holding', window, chunk: held };
      });
      if (isIn) {
        this.#halvings = Math.max(0, this.#halvings - 1);
        this.#incomplete = 0;
        return;
      }
    }
    this.#judge(window);
  }

  /** A chunk was not let in. What a large one met with again and again is less likely for a small one. */
  #judge({ spoilt }: ChunkWindow): void {
    if (spoilt === 'schema') this.#parts.onAltered();
    if (spoilt !== 'overflow' && spoilt !== 'incomplete') return;
    if (this.#halvings < SMALLEST) this.#halvings += 1;
    else if (spoilt === 'incomplete') this.#incomplete += 1;
  }

  async #flushedTo(written: Lsn): Promise<Lsn> {
    const known = this.#flushed;
    if (known?.written === written) return known.to;
    const to = await commitsFlushedTo(this.#parts.query, written, { signal: this.#signal });
    this.#flushed = { written, to };
    return to;
  }

  #openWindow(table: CopiedTable): Promise<ChunkWindow> {
    return this.#wait<ChunkWindow>((opened) => {
      this.#phase = { at: 'asking', table, opened };
    });
  }

  /** Waits until the stream has come by; rejects when it is closed. */
  #wait<T>(ask: (answer: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(this.#signal.reason as Error);
      // A signal that is aborted already would never say so.
      if (this.#signal.aborted) return abort();
      this.#signal.addEventListener('abort', abort, { once: true });
      ask((value) => {
        this.#signal.removeEventListener('abort', abort);
        resolve(value);
      });
      this.#parts.onReady();
    });
  }

  /** Reads the chunk until it shows all that was streamed before the window. Null when it has to be begun anew. */
  async #readVisible(
    job: CopyJob,
    task: CopyTask,
    table: CopiedTable,
    window: ChunkWindow,
    streamed: StreamedXids,
  ): Promise<Chunk | null> {
    while (window.spoilt === null) {
      const chunk = await this.#parts.reader.read({
        table,
        cursor: task.cursor ?? FROM_THE_START,
        where: job.where,
        maxRows: Math.max(1, job.chunkRows >> this.#halvings),
        signal: this.#signal,
      });
      if ('isChanged' in chunk) {
        this.#parts.onAltered();
        if (task.cursor?.by === 'ctid') this.#parts.onMoved(job, task);
        return null;
      }
      streamed.confirm(chunk.snapshot);
      if (window.before.every((xid) => chunk.snapshot.hasEnded(xid))) return chunk;
      await this.#untilEnded(window.before, streamed, table, window);
    }
    return null;
  }

  /** Waits until transactions can be seen to have ended. */
  async #untilEnded(
    xids: readonly number[],
    streamed: StreamedXids,
    table: CopiedTable,
    window: ChunkWindow | null,
  ): Promise<void> {
    if (xids.length === 0) return;
    const since = Date.now();
    let isTold = false;
    for (let attempt = 0; window === null || window.spoilt === null; attempt++) {
      const [row] = await this.#parts.query(SNAPSHOT_SQL);
      const snapshot = new XidSnapshot(row?.['snapshot'] ?? '');
      streamed.confirm(snapshot);
      if (xids.every((xid) => snapshot.hasEnded(xid))) return;
      if (!isTold && Date.now() - since > WAIT_TOLD_AFTER_MS) {
        isTold = true;
        this.#parts.onEvent({
          type: 'source-waiting',
          reason: `The copy of ${table.label} waits for transactions to end that were running when it began.`,
        });
      }
      await sleep(SYSTEM_TIME, Math.min(1_000, 20 * 2 ** Math.min(attempt, 6)), this.#signal);
    }
  }
}
