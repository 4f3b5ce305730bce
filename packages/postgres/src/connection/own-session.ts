import { SourceConnectionError } from '@certyo-cdc/core';
import type pg from 'pg';

import { withEitherSignal } from '../internal/either-signal.ts';
import { cancelRequest } from './cancel-request.ts';
import { connect, PoolerError } from './connect.ts';
import type { ResolvedConnection } from './connection-options.ts';
import { execute, runTransaction } from './pinned-transaction.ts';
import type { SqlExecutor, SqlSession, SqlSessionOptions } from './sql-executor.ts';
import type { SqlParameter, SqlResult } from './text-query.ts';

interface Held {
  readonly client: pg.Client;
  isLost: boolean;
}

/** One connection, opened when needed; statements and transactions take turns. */
export class OwnSession implements SqlSession {
  readonly #connection: ResolvedConnection;
  readonly #options: SqlSessionOptions;
  readonly #closing = new AbortController();
  readonly #background = new Set<Promise<void>>();
  #held: Held | null = null;
  /** False once a pooler has refused the start-up options. */
  #isPinnedAtStart = true;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(connection: ResolvedConnection, options: SqlSessionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  query<Row>(
    text: string,
    parameters: readonly SqlParameter[],
    options: { readonly signal: AbortSignal },
  ): Promise<SqlResult<Row>> {
    return this.#takeTurn(options.signal, async (client, signal) =>
      this.#isPinnedAtStart
        ? await execute<Row>(client, text, parameters, signal)
        : await runTransaction(
            client,
            (executor) => executor.query<Row>(text, parameters, { signal }),
            {
              signal,
              pin: true,
            },
          ),
    );
  }

  transaction<T>(
    work: (executor: SqlExecutor) => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T> {
    return this.#takeTurn(options.signal, (client, signal) =>
      runTransaction(client, work, { signal, pin: !this.#isPinnedAtStart }),
    );
  }

  async close(): Promise<void> {
    const wasClosed = this.#closing.signal.aborted;
    this.#closing.abort(closedError());
    await this.#turn.catch(() => {});
    const held = this.#held;
    this.#held = null;
    if (held !== null && !wasClosed) await held.client.end().catch(() => {});
    await Promise.all(this.#background);
  }

  async #takeTurn<T>(
    signal: AbortSignal,
    work: (client: pg.Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    return await withEitherSignal(signal, this.#closing.signal, async (either) => {
      const run = async (): Promise<T> => {
        either.throwIfAborted();
        const held = await this.#hold(either);
        try {
          return await this.#inTime(either, (signal) => work(held.client, signal));
        } catch (error) {
          if (either.aborted) this.#abandon(held);
          else if (error instanceof SourceConnectionError && error.retryable) this.#drop(held);
          throw error;
        }
      };
      const mine = this.#turn.then(run, run);
      this.#turn = mine.catch(() => {});
      return await untilAborted(mine, either);
    });
  }

  /** A connection that does not answer in time is given up like one that was lost. */
  async #inTime<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { answerTimeoutMs } = this.#options;
    if (answerTimeoutMs === undefined) return await work(signal);
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort(
        new SourceConnectionError(
          'SOURCE_UNREACHABLE',
          `PostgreSQL did not answer within ${String(answerTimeoutMs)} ms.`,
        ),
      );
    }, answerTimeoutMs);
    try {
      return await withEitherSignal(signal, deadline.signal, work);
    } finally {
      clearTimeout(timer);
    }
  }

  async #hold(signal: AbortSignal): Promise<Held> {
    if (this.#held !== null && !this.#held.isLost) return this.#held;
    const held: Held = { client: await this.#open(signal), isLost: false };
    const lost = (): void => {
      held.isLost = true;
    };
    held.client.on('error', lost);
    held.client.on('end', lost);
    this.#held = held;
    return held;
  }

  async #open(signal: AbortSignal): Promise<pg.Client> {
    const options = { ...this.#options, signal };
    if (this.#isPinnedAtStart)
      try {
        return await connect(this.#connection, options);
      } catch (error) {
        if (!(error instanceof PoolerError)) throw error;
      }
    const client = await connect(this.#connection, { ...options, pinSettings: false });
    this.#isPinnedAtStart = false;
    return client;
  }

  /** The statement goes on in the server until it is told to stop. */
  #abandon(held: Held): void {
    this.#drop(held);
    const { processID, secretKey } = held.client as unknown as {
      readonly processID: number | null;
      readonly secretKey: number | null;
    };
    if (processID === null || secretKey === null) return;
    const cancelled = cancelRequest(this.#connection, { processId: processID, secretKey }).finally(
      () => {
        this.#background.delete(cancelled);
      },
    );
    this.#background.add(cancelled);
  }

  #drop(held: Held): void {
    if (this.#held === held) this.#held = null;
    held.isLost = true;
    (
      held.client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
    ).connection.stream.destroy();
  }
}

function closedError(): SourceConnectionError {
  return new SourceConnectionError('SOURCE_UNREACHABLE', 'The session is closed.');
}

/** Does not wait for a turn that has not come when the caller has given up. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
