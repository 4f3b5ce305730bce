import { CdcError, type SourceEvent } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName } from '@certyo-cdc/postgres';
import type { BackfillRow, BackfillTable } from './backfill-table.ts';
import type { BackfillStatus } from './backfill.ts';
import {
  type CopyJob,
  type CopyState,
  FIRST_COPY,
  newJob,
  withJob,
  withoutJob,
} from './copy-jobs.ts';

/** Between two looks at the requests. */
const LOOK_MS = 2_000;
/** The same while there is no table for them. */
const MISSING_LOOK_MS = 30_000;

export interface BackfillRequestsOptions {
  readonly table: BackfillTable;
  readonly state: () => CopyState;
  readonly change: (state: CopyState) => void;
  /** What is left to copy at the newest end that is saved. */
  readonly saved: () => CopyState;
  /** The tables under whose names the rows of some tables come. */
  readonly tablesOf: (tables: readonly QualifiedName[]) => Promise<readonly QualifiedName[]>;
  readonly onDropped: (id: string) => void;
  readonly onEvent: (event: SourceEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Looks for backfills that somebody asks for, and writes down what has become of them.
 *
 * A backfill is finished in its row only after a checkpoint says so: a life that ends in between goes on with what the
 * checkpoint holds.
 */
export class BackfillRequests {
  readonly #options: BackfillRequestsOptions;
  readonly #paused = new Set<string>();
  readonly #failed = new Map<string, string>();
  /** What was last written of each. */
  readonly #written = new Map<string, string>();
  readonly #closing = new AbortController();
  #work: Promise<void> | null = null;
  #isAgain = false;
  #timer: NodeJS.Timeout | undefined;
  #isWarned = false;
  #hasLooked = false;

  constructor(options: BackfillRequestsOptions) {
    this.#options = options;
  }

  /** Whether a backfill may go on. Nobody knows before the first look, for it may have been paused or cancelled meanwhile. */
  mayRun(id: string): boolean {
    return this.#hasLooked && !this.#paused.has(id);
  }

  /** A backfill that cannot be done. */
  failed(job: CopyJob, error: Error): void {
    this.#failed.set(job.id, error.message);
    this.look();
  }

  /** Looks now. */
  look(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#work !== null) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#isAgain = false;
    let nextMs = LOOK_MS;
    this.#work = this.#look()
      .then((exists) => {
        if (!exists) nextMs = MISSING_LOOK_MS;
        if (this.#hasLooked) return;
        this.#hasLooked = true;
        this.#options.change(this.#options.state());
      })
      .catch((error: unknown) => this.#warn(error))
      .finally(() => {
        this.#work = null;
        if (this.#closing.signal.aborted) return;
        if (this.#isAgain) this.look();
        else this.#timer = setTimeout(() => this.look(), nextMs);
      });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The stream is closed.'));
    clearTimeout(this.#timer);
    await this.#work;
  }

  async #look(): Promise<boolean> {
    const { table, signal } = this.#options;
    if (!(await table.exists(signal))) return false;
    const open = await table.open(signal);
    await this.#dropClosed(new Set(open.map(({ id }) => id)));
    for (const row of open) {
      if (this.#closing.signal.aborted) return true;
      await this.#take(row);
    }
    for (const { id, tasks } of this.#options.saved().finished) {
      const progress = tasks.map((task) => ({
        table: tableLabel(task.table),
        rows: task.rows,
        isWhole: true,
      }));
      await table.note(id, { state: 'finished', progress }, signal);
      this.#forget(id);
      // The row knows it now, so the checkpoint need not.
      this.#options.change(withoutJob(this.#options.state(), id));
    }
    return true;
  }

  /** A checkpoint that was saved before a backfill was cancelled, or has failed, still holds it. */
  async #dropClosed(open: ReadonlySet<string>): Promise<void> {
    const { change, onDropped, signal, state, table } = this.#options;
    for (const { id } of [...state().jobs, ...state().finished]) {
      if (id === FIRST_COPY || open.has(id) || !(await table.isGivenUp(id, signal))) continue;
      change(withoutJob(state(), id));
      onDropped(id);
    }
  }

  async #take(row: BackfillRow): Promise<void> {
    const { id, wish } = row;
    const { change, signal, state, table } = this.#options;
    const error = this.#failed.get(id);
    if (error !== undefined) {
      await table.note(id, { state: 'failed', error, progress: progressOf(row, state()) }, signal);
      this.#forget(id);
      return;
    }
    // It becomes finished when that is saved.
    if (state().finished.some((job) => job.id === id)) return;
    if (wish === 'cancel') {
      const progress = progressOf(row, state());
      change(withoutJob(state(), id));
      this.#options.onDropped(id);
      await table.note(id, { state: 'cancelled', progress }, signal);
      this.#forget(id);
      return;
    }
    const isPaused = wish === 'pause';
    if (isPaused) this.#paused.add(id);
    else this.#paused.delete(id);
    const { chunkRows, tables, where } = row;
    const isKnown = state().jobs.some((job) => job.id === id);
    const copied = isKnown ? tables : await this.#options.tablesOf(tables);
    const after = withJob(state(), newJob(id, copied, { chunkRows, where }));
    // Also when nothing is new: one that was paused may go on.
    change(after);
    await this.#write(row, isPaused ? 'paused' : 'running', progressOf(row, after));
  }

  async #write(
    row: BackfillRow,
    state: 'running' | 'paused',
    progress: BackfillStatus['tables'],
  ): Promise<void> {
    const text = JSON.stringify([state, progress]);
    if (this.#written.get(row.id) === text) return;
    await this.#options.table.note(row.id, { state, progress }, this.#options.signal);
    this.#written.set(row.id, text);
  }

  #forget(id: string): void {
    this.#paused.delete(id);
    this.#failed.delete(id);
    this.#written.delete(id);
  }

  /** Backfills are beside the stream: that they cannot be looked for does not end it. */
  #warn(error: unknown): void {
    if (this.#isWarned || this.#options.signal.aborted || this.#closing.signal.aborted) return;
    if (CdcError.is(error) && error.retryable) return;
    this.#isWarned = true;
    this.#options.onEvent({
      type: 'source-warned',
      code: 'BACKFILLS_UNREADABLE',
      message: `Backfills cannot be looked for: ${error instanceof Error ? error.message : '?'}`,
    });
  }
}

function progressOf(row: BackfillRow, state: CopyState): BackfillStatus['tables'] {
  const job = state.jobs.find(({ id }) => id === row.id);
  if (job === undefined) return row.progress as BackfillStatus['tables'];
  return job.tasks.map(({ cursor, rows, table }) => ({
    table: tableLabel(table),
    rows,
    isWhole: cursor === null,
  }));
}
