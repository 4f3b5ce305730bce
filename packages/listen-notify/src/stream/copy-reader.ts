import { type ChangeBatch, SourceConnectionError } from '@certyo-cdc/core';
import { SYSTEM_TIME } from '@certyo-cdc/core/internal';
import type { SqlSession } from '@certyo-cdc/postgres';
import type { CopyFilter } from './copy-filter.ts';
import { type CopyOptions, copyTables } from './copy-tables.ts';

/** What a copy gives next: a page, or that it is whole. */
export type Copied = { readonly batch: ChangeBatch } | { readonly filter: CopyFilter };

/**
 * Hands over the pages of a copy one by one, while its transaction stays open between them. After an error the next call begins
 * a new copy, with a snapshot of its own.
 */
export class CopyReader {
  readonly #options: CopyOptions & { readonly deadAfterMs: number | false };
  readonly #openSession: () => SqlSession;
  #running: Running | null = null;
  #newest = 0;

  constructor(
    options: CopyOptions & {
      /** Time after which a server that gives no page counts as lost; false waits for ever. */
      readonly deadAfterMs: number | false;
    },
    openSession: () => SqlSession,
  ) {
    this.#options = options;
    this.#openSession = openSession;
  }

  async next({ signal }: { readonly signal: AbortSignal }): Promise<Copied> {
    this.#running ??= this.#begin();
    try {
      const copied = await this.#running.next(signal);
      if ('filter' in copied) await this.close();
      return copied;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    await running?.close();
  }

  #begin(): Running {
    const session = this.#openSession();
    const running = new Running(session, this.#options.deadAfterMs);
    running.start((signal) =>
      session.transaction(
        (executor) =>
          copyTables(executor, {
            ...this.#options,
            signal,
            numberOf: (seconds) => {
              this.#newest = Math.max(this.#newest + 1, seconds);
              return this.#newest;
            },
            handOver: (batch) => running.handOver(batch),
          }),
        { signal },
      ),
    );
    return running;
  }
}

/** One copy under way: the transaction on one side, who takes its pages on the other. */
class Running {
  readonly #session: SqlSession;
  readonly #deadAfterMs: number | false;
  readonly #abort = new AbortController();
  #page: Copied | null = null;
  #failure: { readonly error: unknown } | null = null;
  #work: Promise<void> = Promise.resolve();
  #changed: () => void = () => undefined;

  constructor(session: SqlSession, deadAfterMs: number | false) {
    this.#session = session;
    this.#deadAfterMs = deadAfterMs;
  }

  start(work: (signal: AbortSignal) => Promise<CopyFilter>): void {
    this.#work = work(this.#abort.signal).then(
      (filter) => {
        this.#page = { filter };
        this.#changed();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.#changed();
      },
    );
  }

  /** Resolves when the page was taken. */
  async handOver(batch: ChangeBatch): Promise<void> {
    this.#page = { batch };
    this.#changed();
    while (this.#page !== null) await this.#change(this.#abort.signal);
  }

  async next(signal: AbortSignal): Promise<Copied> {
    const ms = this.#deadAfterMs;
    const cancel = ms === false ? undefined : SYSTEM_TIME.setTimeout(() => this.#giveUp(ms), ms);
    try {
      return await this.#next(signal);
    } finally {
      cancel?.();
    }
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('The copy is over.'));
    await this.#work;
    await this.#session.close();
  }

  /** On a half-open connection the page would never come. */
  #giveUp(ms: number): void {
    this.#failure = {
      error: new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        `PostgreSQL gave no page of the copy within ${ms} ms.`,
      ),
    };
    this.#changed();
  }

  async #next(signal: AbortSignal): Promise<Copied> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure.error;
      const page = this.#page;
      if (page !== null) {
        this.#page = null;
        this.#changed();
        return page;
      }
      await this.#change(signal);
    }
  }

  /** One side waits at a time: the transaction for its page to be taken, or the taker for a page. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      this.#changed = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      if (signal.aborted) abort();
    });
  }
}
