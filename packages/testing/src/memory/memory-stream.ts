import type {
  ChangeBatch,
  ChangeEvent,
  ChangeStream,
  Checkpoint,
  Position,
  SourceLag,
  StreamSharing,
} from '@certyo-cdc/core';

import { latestStates } from './memory-event.ts';
import type { MemoryLog } from './memory-log.ts';

interface MemoryStreamParts {
  readonly log: MemoryLog;
  /** Number of the transaction after which to begin. */
  readonly after: number;
  readonly signal: AbortSignal;
  readonly shows: 'every-change' | 'latest-state';
  readonly maxBatchEvents: number;
  readonly eventBytes: number;
  readonly checkpoint: (position: Position) => Checkpoint;
  readonly onAcknowledge: (end: Position) => Promise<void>;
  readonly onClosed: () => void;
  /** Rejects a checkpoint that `open` would not take. */
  readonly admit: (checkpoint: Checkpoint) => void;
}

/** One reader of a memory source. */
export class MemoryStream implements ChangeStream {
  /** Not for latest states: what is shown of them depends on when one looks. */
  readonly sharing: StreamSharing | undefined;
  readonly #parts: MemoryStreamParts;
  readonly #unsubscribe: () => void;
  readonly #waiting: Set<() => void> = new Set();
  /** Number of the transaction that is read next, and of the event within it. */
  #next: number;
  #offset = 0;
  #yieldedEnd = 0;
  /** Ends before this number are not asked for again. */
  #forgotten = 0;
  /** Number of the last transaction that the pull which is being handed over covers, and its events. */
  #pulled: { readonly last: number; readonly events: readonly ChangeEvent[] } | null = null;
  #error: { readonly reason: unknown } | null = null;
  #isClosed = false;

  constructor(parts: MemoryStreamParts) {
    this.#parts = parts;
    this.#next = parts.after + 1;
    this.#yieldedEnd = parts.after;
    this.sharing =
      parts.shows === 'every-change'
        ? sharingOf(parts, (end) => {
            this.#forgotten = end;
          })
        : undefined;
    this.#unsubscribe = parts.log.subscribe(() => this.#wake());
    parts.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChangeBatch> {
    const { log } = this.#parts;
    for (;;) {
      log.pulls += 1;
      while (!this.#isClosed && this.#error === null && this.#next > log.last && !log.isFinished) {
        await this.#news();
      }
      if (this.#error !== null) throw this.#error.reason;
      if (this.#isClosed || this.#next > log.last) return;
      yield this.#batch();
    }
  }

  checkpoint(end: Position): Checkpoint {
    this.#assertRemembered(end);
    return this.#parts.checkpoint(end);
  }

  async acknowledge(end: Position): Promise<void> {
    const { log, onAcknowledge } = this.#parts;
    const number = log.number(end);
    this.#assertRemembered(end);
    if (number > this.#yieldedEnd) throw new Error(`${end} was acknowledged but not handed over.`);
    await onAcknowledge(end);
    if (this.#isClosed) return;
    log.acknowledged = Math.max(log.acknowledged, number);
  }

  async lag(): Promise<SourceLag> {
    const { log } = this.#parts;
    const oldest = log.transaction(log.acknowledged + 1)[0]?.transaction?.committedAt ?? null;
    return { bytes: null, ms: oldest === null ? null : Date.now() - Date.parse(oldest) };
  }

  async caughtUp(options: { readonly signal: AbortSignal }): Promise<void> {
    const { signal } = options;
    const target = this.#parts.log.last;
    signal.throwIfAborted();
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (this.#yieldedEnd < target) {
        if (this.#error !== null) throw this.#error.reason;
        if (this.#isClosed) throw new Error('The stream is closed.');
        await this.#news();
        signal.throwIfAborted();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  fail(error: Error): void {
    this.#error = { reason: error };
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsubscribe();
    this.#parts.signal.removeEventListener('abort', this.#onAbort);
    this.#parts.onClosed();
    this.#wake();
  }

  readonly #onAbort = (): void => {
    this.#error = { reason: this.#parts.signal.reason };
    this.#wake();
  };

  #batch(): ChangeBatch {
    const { eventBytes, log, maxBatchEvents } = this.#parts;
    const { last, events } = (this.#pulled ??= this.#pull());
    const part = events.slice(this.#offset, this.#offset + maxBatchEvents);
    this.#offset += part.length;
    const isEnd = this.#offset >= events.length;
    const end = isEnd ? log.position(last) : null;
    if (isEnd) {
      this.#pulled = null;
      this.#yieldedEnd = last;
      this.#next = last + 1;
      this.#offset = 0;
      this.#wake();
    }
    return { events: part, bytes: part.length * eventBytes, end };
  }

  #assertRemembered(end: Position): void {
    if (this.#parts.log.number(end) < this.#forgotten) throw new Error(`${end} was forgotten.`);
  }

  #pull(): { readonly last: number; readonly events: readonly ChangeEvent[] } {
    const { log, shows } = this.#parts;
    if (shows === 'every-change') return { last: this.#next, events: log.transaction(this.#next) };
    return { last: log.last, events: latestStates(log.after(this.#next - 1)) };
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
    });
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** A transaction's number stands in the ids of its events. */
function sharingOf(
  { admit, after, log }: MemoryStreamParts,
  forget: (number: number) => void,
): StreamSharing {
  return {
    begin: log.position(after),
    compare: (a, b) => log.number(a) - log.number(b),
    isCovered: (event, end) => Number(event.transaction?.xid) <= log.number(end),
    admit: async (checkpoint) => admit(checkpoint),
    forget: (end) => forget(log.number(end)),
  };
}
