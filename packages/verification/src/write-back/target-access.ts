import { SourceConnectionError, WriteBackError } from '@certyo-cdc/core';
import { onAbort } from '@certyo-cdc/core/internal';
import {
  judgeStoreFailure,
  openStoreSession,
  PostgresServerError,
  prepareToWrite,
  type SqlExecutor,
  type SqlSession,
} from '@certyo-cdc/postgres';

import type { ColumnTarget } from './options.ts';
import { USE_ORIGIN_SQL } from './protection.ts';
import { WRITING_SQL } from './status-trigger.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Longest wait for a connection of a pool: below the time after which the server ends an idle transaction. */
const LONGEST_WAIT_MS = 3_000;

/** What would mend a failure. */
export interface TargetRemedies {
  readonly setup: readonly string[];
  readonly grants: readonly string[];
}

/** The session that writes statuses. */
export class TargetAccess {
  readonly session: SqlSession;
  readonly #lockTimeoutMs: number;
  readonly #usesOrigin: boolean;
  readonly #remedies: TargetRemedies;
  readonly #isPool: boolean;

  constructor(target: ColumnTarget, usesOrigin: boolean, remedies: TargetRemedies) {
    this.session = openStoreSession(target.place, 'certyo-cdc write-back');
    this.#lockTimeoutMs = target.lockTimeoutMs;
    this.#usesOrigin = usesOrigin;
    this.#remedies = remedies;
    this.#isPool = 'connect' in target.place.target;
  }

  /** Reads in a transaction of its own. */
  read<T>(work: (executor: SqlExecutor) => Promise<T>, options: CallOptions): Promise<T> {
    return this.#run('read', options, () => this.session.transaction(work, options));
  }

  /** Writes in a transaction that waits for no lock for long, and has the origin of write-back where that is used. */
  write<T>(work: (executor: SqlExecutor) => Promise<T>, options: CallOptions): Promise<T> {
    return this.#run('written', options, () =>
      this.#soon(options.signal, async (executor) => {
        await prepareToWrite(executor, options.signal);
        await executor.query(
          "SELECT pg_catalog.set_config('lock_timeout', $1, true)",
          [String(this.#lockTimeoutMs)],
          options,
        );
        await executor.query(WRITING_SQL, [], options);
        if (this.#usesOrigin) await executor.query(USE_ORIGIN_SQL, [], options);
        return work(executor);
      }),
    );
  }

  /**
   * A transaction that has its connection soon or not at all: one of the ledger is held meanwhile, and who has the last one
   * of a pool and waits for another would wait for ever.
   */
  async #soon<T>(signal: AbortSignal, work: (executor: SqlExecutor) => Promise<T>): Promise<T> {
    if (!this.#isPool) return this.session.transaction(work, { signal });
    signal.throwIfAborted();
    const either = new AbortController();
    const forget = onAbort(signal, () => either.abort(signal.reason));
    const timer = setTimeout(() => {
      either.abort(
        new SourceConnectionError(
          'SOURCE_UNREACHABLE',
          `the pool had no connection to spare within ${String(LONGEST_WAIT_MS)} ms; each write-back needs two of it, one for the ledger`,
        ),
      );
    }, LONGEST_WAIT_MS);
    try {
      return await this.session.transaction(
        (executor) => {
          clearTimeout(timer);
          return work(executor);
        },
        { signal: either.signal },
      );
    } finally {
      clearTimeout(timer);
      forget();
    }
  }

  async #run<T>(done: string, { signal }: CallOptions, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WriteBackError || isAboutRows(error)) throw error;
      const isUsed = this.#usesOrigin && codeOf(error) === '55006';
      const { remedy, retryable, said } = judgeStoreFailure(error, this.#remedies);
      throw new WriteBackError(
        'WRITE_BACK',
        isUsed
          ? 'Another session has the origin of write-back: there is one at a time.'
          : `Statuses could not be ${done}: ${said}.`,
        { cause: error, retryable: isUsed || retryable, remedy },
      );
    }
  }
}

export function codeOf(error: unknown): string | null {
  return error instanceof PostgresServerError ? error.code : null;
}

/** What is wrong with single rows, or passes when they are tried again. */
export function isAboutRows(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && (code.startsWith('22') || code === '55P03' || code === '42703');
}
