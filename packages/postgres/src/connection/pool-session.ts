import { SourceConnectionError } from '@certyo-cdc/core';

import { expectManyListeners } from '../internal/either-signal.ts';
import { runTransaction } from './pinned-transaction.ts';
import { sqlError } from './sql-error.ts';
import type { SqlExecutor, SqlSession } from './sql-executor.ts';
import type { Queryable, SqlParameter, SqlResult } from './text-query.ts';

/** The part of a `pg.PoolClient` that is used. */
export interface PoolClientLike extends Queryable {
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** The part of a `pg.Pool` that is used. */
export interface PoolLike {
  connect(): Promise<PoolClientLike>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

const ignore = (): void => {};

/** Every statement runs in a transaction of its own, in which the settings are pinned by SET LOCAL. */
export class PoolSession implements SqlSession {
  readonly #pool: PoolLike;
  #isClosed = false;

  constructor(pool: PoolLike) {
    this.#pool = pool;
    // D-07: pg-pool reports lost idle clients here, and ends the process when nobody listens.
    pool.on('error', ignore);
  }

  query<Row>(
    text: string,
    parameters: readonly SqlParameter[],
    options: { readonly signal: AbortSignal },
  ): Promise<SqlResult<Row>> {
    return this.transaction((executor) => executor.query<Row>(text, parameters, options), options);
  }

  async transaction<T>(
    work: (executor: SqlExecutor) => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T> {
    const { signal } = options;
    signal.throwIfAborted();
    expectManyListeners(signal);
    if (this.#isClosed)
      throw new SourceConnectionError('SOURCE_UNREACHABLE', 'The session is closed.');
    const client = await checkOut(this.#pool, signal);
    client.on('error', ignore);
    let failure: unknown;
    try {
      return await runTransaction(client, work, { signal, pin: true });
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.removeListener('error', ignore);
      // A client that was interrupted or lost must not go back to the pool.
      const isBroken = signal.aborted || failure instanceof SourceConnectionError;
      client.release(isBroken ? true : undefined);
    }
  }

  close(): Promise<void> {
    if (!this.#isClosed) this.#pool.removeListener('error', ignore);
    this.#isClosed = true;
    return Promise.resolve();
  }
}

/** The pool knows no AbortSignal: a client that arrives after the abort is given back. */
async function checkOut(pool: PoolLike, signal: AbortSignal): Promise<PoolClientLike> {
  return await new Promise<PoolClientLike>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    pool.connect().then(
      (client) => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) client.release();
        else resolve(client);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        reject(sqlError(error) as Error);
      },
    );
  });
}
