import type {
  ChangeBatch,
  ChangeSource,
  ChangeStream,
  Checkpoint,
  CheckpointStore,
  OpenOptions,
  Position,
  ReceiptStore,
  RecordName,
  SourceLag,
  StoredCheckpoint,
} from '@certyo-cdc/core';
import { abortable, batchIterator, sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';

import type { PostgresWindowStore } from './postgres-window-store.ts';
import { windowEvent, windowTable, WINDOW_SOURCE } from './window-event.ts';
import { windowVersion } from './window.ts';

/** Windows in one batch. */
const PAGE = 100;

/** Between two tries to read what is away. */
const LONGEST_RETRY_MS = 1_000;

/** What the source of windows works with. */
export interface WindowSourceParts {
  readonly windows: PostgresWindowStore;
  readonly receipts: ReceiptStore;
  readonly pipeline: string;
  /** The record that all windows of the pipeline are versions of. */
  readonly record: RecordName;
  /** Between two looks for closed windows, milliseconds. */
  readonly intervalMs: number;
}

/** Closed windows of one pipeline as a source of changes, each when it is closed, in order. */
export function windowSource(parts: WindowSourceParts): ChangeSource {
  return {
    name: `${parts.pipeline} windows`,
    kind: WINDOW_SOURCE,
    checkpoints: receiptCheckpoints(parts),
    open: (options) => Promise.resolve(new WindowStream(parts, options)),
  };
}

/**
 * The checkpoint is the newest receipt: windows are sent one after the other, being versions of one record, so that all before it
 * have theirs. There is nothing to save.
 */
function receiptCheckpoints({ pipeline, receipts, record }: WindowSourceParts): CheckpointStore {
  return {
    async load(_name, options): Promise<StoredCheckpoint | null> {
      const [latest] = await receipts.latest([record], options);
      const version = latest?.recordVersion;
      if (version === undefined) return null;
      const checkpoint = checkpointAt(pipeline, Number(version));
      return { checkpoint, revision: version, savedAtMs: Date.now() };
    },
    save: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function checkpointAt(pipeline: string, number: number): Checkpoint {
  const position = windowVersion(number) as Position;
  return { kind: WINDOW_SOURCE, identity: { pipeline }, position, epoch: 1, state: null };
}

class WindowStream implements ChangeStream {
  readonly #parts: WindowSourceParts;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  /** Number of the newest window that was handed over. */
  #seen: number;
  #waiting: { readonly number: number; readonly resolve: () => void }[] = [];
  #wake: () => void = () => {};

  constructor(parts: WindowSourceParts, { after, signal }: OpenOptions) {
    this.#parts = parts;
    this.#seen = Number(after?.position ?? 0);
    this.#signal = AbortSignal.any([signal, this.#closing.signal]);
  }

  [Symbol.asyncIterator](): AsyncIterator<ChangeBatch> {
    return batchIterator(() => this.#next(), this);
  }

  checkpoint(end: Position): Checkpoint {
    return checkpointAt(this.#parts.pipeline, Number(end));
  }

  acknowledge(): Promise<void> {
    return Promise.resolve();
  }

  lag(): Promise<SourceLag> {
    return Promise.resolve({ bytes: null, ms: null });
  }

  /** Resolves when all windows that are closed have been handed over. */
  async caughtUp({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { pipeline, windows } = this.#parts;
    const number = (await windows.end(pipeline, { signal }))?.number ?? 0;
    if (number <= this.#seen) return;
    const handedOver = new Promise<void>((resolve) => {
      this.#waiting = [...this.#waiting, { number, resolve }];
    });
    this.#wake();
    // Windows that cannot be read are tried again without end.
    await abortable(handedOver, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('The stream of windows is closed.'));
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  async #next(): Promise<ChangeBatch | null> {
    const { intervalMs, pipeline, record, windows } = this.#parts;
    // Only now is what was handed over in the hands of the pipeline.
    this.#tellReached();
    for (;;) {
      if (this.#closing.signal.aborted) return null;
      const signal = this.#signal;
      try {
        // In the process of the pipeline, an idle one has its window closed too.
        await windows.closeNow(pipeline, { ifDue: true, signal });
        const asking = this.#waiting;
        const found = await windows.list(pipeline, { after: this.#seen, limit: PAGE, signal });
        const last = found.at(-1);
        if (last !== undefined) {
          this.#seen = last.number;
          const table = windowTable(record.database);
          const events = found.map((window) => windowEvent(window, table));
          const bytes = found.reduce((sum, { content }) => sum + content.length, 0);
          return { events, bytes, end: windowVersion(last.number) as Position };
        }
        // There is nothing more of what was closed before they asked, whatever the chain says.
        this.#waiting = this.#waiting.filter((each) => !asking.includes(each));
        for (const { resolve } of asking) resolve();
        await this.#pause(intervalMs);
      } catch (error) {
        if (this.#closing.signal.aborted) return null;
        signal.throwIfAborted();
        if (!isRetryable(error)) throw error;
        // Also while somebody waits: what is away is not to be asked without a pause.
        await sleep(SYSTEM_TIME, Math.min(intervalMs, LONGEST_RETRY_MS), signal);
      }
    }
  }

  #tellReached(): void {
    const reached = this.#waiting.filter(({ number }) => number <= this.#seen);
    this.#waiting = this.#waiting.filter(({ number }) => number > this.#seen);
    for (const { resolve } of reached) resolve();
  }

  /** Until the time is over, or somebody waits for what there is. */
  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (this.#waiting.length > 0) return;
    try {
      await sleep(SYSTEM_TIME, ms, AbortSignal.any([this.#signal, woken.signal]));
    } catch (error) {
      if (!woken.signal.aborted) throw error;
    } finally {
      this.#wake = () => {};
    }
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true;
}
