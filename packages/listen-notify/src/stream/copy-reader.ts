import { type ChangeBatch, SourceConnectionError } from '@certyo-cdc/core';
import { SYSTEM_TIME } from '@certyo-cdc/core/internal';
import type { SqlSession } from '@certyo-cdc/postgres';
import type { CopyFilter } from './copy-filter.ts';
import { type CopyOptions, copyTables } from './copy-tables.ts';

/** What a copy gives next: that the first one begins, a page, or that it is whole. */
export type Copied =
  | { readonly begins: CopyFilter }
  | { readonly batch: ChangeBatch }
  /** Tells the changes that the first copy has seen from those that follow. */
  | { readonly filter: CopyFilter };

/**
 * Hands over the pages of a copy one by one, while its transaction stays open between them. After an error the next call begins
 * a new copy, with a snapshot of its own. What has changed since the first snapshot follows all the same: the new copy does
 * not show what was deleted in between, and the first one may have handed it over.
 */
export class CopyReader {
  readonly #options: CopyOptions & { readonly deadAfterMs: number | false };
  readonly #openSession: () => SqlSession;
  #running: Running | null = null;
  #newest = 0;
  #first: CopyFilter | null;

  constructor(
    options: CopyOptions & {
      /** Of the first copy, where it was begun before. */
      readonly first: CopyFilter | null;
      /** Time after which a server that gives no page counts as lost; false waits for ever. */
      readonly deadAfterMs: number | false;
    },
    openSession: () => SqlSession,
  ) {
    this.#options = options;
    this.#first = options.first;
    this.#openSession = openSession;
  }

  async next({ signal }: { readonly signal: AbortSignal }): Promise<Copied> {
    this.#running ??= this.#begin();
    try {
      const copied = (await this.#running.next(signal)) ?? this.#whole();
      if ('begins' in copied) this.#first = copied.begins;
      if ('filter' in copied) await this.close();
      return copied;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #whole(): Copied {
    if (this.#first === null) throw new TypeError('A copy tells first that it begins.');
    return { filter: this.#first };
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
            begin: async (filter) => {
              if (this.#first === null) await running.handOver({ begins: filter });
            },
            handOver: (batch) => running.handOver({ batch }),
          }),
        { signal },
      ),
    );
    return running;
  }
}

type Page = Exclude<Copied, { readonly filter: CopyFilter }>;

/** One copy under way: the transaction on one side, who takes its pages on the other. */
class Running {
  readonly #session: SqlSession;
  readonly #deadAfterMs: number | false;
  readonly #abort = new AbortController();
  #page: Page | null = null;
  #isWhole = false;
  #failure: { readonly error: unknown } | null = null;
  #work: Promise<void> = Promise.resolve();
  #changed: () => void = () => undefined;

  constructor(session: SqlSession, deadAfterMs: number | false) {
    this.#session = session;
    this.#deadAfterMs = deadAfterMs;
  }

  start(work: (signal: AbortSignal) => Promise<void>): void {
    this.#work = work(this.#abort.signal).then(
      () => {
        this.#isWhole = true;
        this.#changed();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.#changed();
      },
    );
  }

  /** Resolves when it was taken. */
  async handOver(page: Page): Promise<void> {
    this.#page = page;
    this.#changed();
    while (this.#page !== null) await this.#change(this.#abort.signal);
  }

  async next(signal: AbortSignal): Promise<Page | null> {
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

  async #next(signal: AbortSignal): Promise<Page | null> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure.error;
      const page = this.#page;
      if (page !== null) {
        this.#page = null;
        this.#changed();
        return page;
      }
      if (this.#isWhole) return null;
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
