import type { CdcErrorOptions } from '@certyo-cdc/core';
import {
  judgeStoreFailure,
  type NormalizedStoreOptions,
  prepareToWrite,
  type SqlExecutor,
  type SqlSession,
} from '@certyo-cdc/postgres';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** How the failures of a store are told. */
export interface StoreFailures {
  /** What it keeps, as a sentence begins with it. */
  readonly subject: string;
  readonly error: new (
    message: string,
    options: CdcErrorOptions & { readonly retryable: boolean },
  ) => Error;
  /** Errors that are told as they are. */
  readonly others?: readonly (abstract new (...args: never[]) => Error)[];
  readonly setup: readonly string[];
  readonly grants: readonly string[];
}

/** A session on the tables of a store. What fails is an error whose remedy names the SQL to run. */
export class StoreAccess {
  readonly schema: string;
  readonly session: SqlSession;
  readonly #failures: () => StoreFailures;

  constructor(place: NormalizedStoreOptions, session: SqlSession, failures: () => StoreFailures) {
    this.schema = place.schema;
    this.session = session;
    this.#failures = failures;
  }

  /** Runs one statement that reads. */
  async rows<Row>(
    sql: string,
    parameters: Parameters<SqlExecutor['query']>[1],
    { signal }: CallOptions,
  ): Promise<readonly Row[]> {
    return this.run('read', signal, async () => {
      const { rows } = await this.session.query<Row>(sql, parameters, { signal });
      return rows;
    });
  }

  /** Runs what writes, in a transaction that is on disk when it resolves. */
  async write<T>(work: (executor: SqlExecutor) => Promise<T>, { signal }: CallOptions): Promise<T> {
    return this.run('stored', signal, () =>
      this.session.transaction(
        async (executor) => {
          await prepareToWrite(executor, signal);
          return work(executor);
        },
        { signal },
      ),
    );
  }

  async run<T>(done: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const failures = this.#failures();
      if (error instanceof failures.error) throw error;
      if (failures.others?.some((other) => error instanceof other) === true) throw error;
      const { said, retryable, remedy } = judgeStoreFailure(error, failures);
      throw new failures.error(`${failures.subject} could not be ${done}: ${said}.`, {
        cause: error,
        retryable,
        remedy,
      });
    }
  }
}
