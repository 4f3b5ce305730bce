import { ReceiptError, WriteBackError } from '@certyo-cdc/core';
import {
  judgeStoreFailure,
  openStoreSession,
  prepareToWrite,
  roleOf,
  type SqlExecutor,
  type SqlSession,
  type StoreRemedies,
} from '@certyo-cdc/postgres';

import { receiptGrantSql, verifierGrantSql } from '../setup/grants.ts';
import { ledgerSetupSql } from '../setup/setup-sql.ts';
import type { NormalizedReceiptStoreOptions } from './options.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A session on the ledger. What fails is a `ReceiptError` whose remedy names the SQL to run. */
export class LedgerAccess {
  readonly schema: string;
  readonly session: SqlSession;
  readonly #options: NormalizedReceiptStoreOptions;
  readonly #more: StoreRemedies;

  /** @param more What a failure may be mended by besides what makes the ledger. */
  constructor(
    options: NormalizedReceiptStoreOptions,
    name: string,
    more: StoreRemedies = { setup: [], grants: [] },
  ) {
    this.schema = options.place.schema;
    this.#options = options;
    this.#more = more;
    this.session = openStoreSession(options.place, name);
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
      // What was written back meanwhile has errors of its own.
      if (error instanceof ReceiptError || error instanceof WriteBackError) throw error;
      const role = roleOf(this.#options.place);
      const { said, retryable, remedy } = judgeStoreFailure(error, {
        setup: [...ledgerSetupSql(this.#options.shape, this.schema), ...this.#more.setup],
        grants: [
          ...receiptGrantSql(role, this.schema),
          ...verifierGrantSql(role, this.schema),
          ...this.#more.grants,
        ],
      });
      throw new ReceiptError(`Receipts could not be ${done}: ${said}.`, {
        cause: error,
        retryable,
        remedy,
      });
    }
  }
}
