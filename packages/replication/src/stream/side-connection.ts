import { PipelineStateError } from '@certyo-cdc/core';
import {
  connect,
  endClient,
  queryText,
  type ResolvedConnection,
  type SqlExecutor,
  type SqlParameter,
  type SqlResult,
  type SqlRow,
  withinDeadline,
} from '@certyo-cdc/postgres';
import type { Client } from 'pg';
import { limitLocksSql, lockedError, waitedForLock } from '../setup/locked-tables.ts';
import type { TextQuery } from './text-query.ts';

/**
 * A plain SQL connection beside the replication connection: for catalog reads, and as a watchman.
 *
 * A server that is shut down ends plain connections first, but waits for replication connections until they have
 * acknowledged everything. When this connection is ended by the server, the replication connection has to go too, or
 * the shutdown would hang for as long as the API is down.
 */
export class SideConnection implements SqlExecutor {
  readonly #connection: ResolvedConnection;
  readonly #signal: AbortSignal;
  readonly #onShutdown: () => void;
  readonly #deadAfterMs: number | false;
  /** Statements take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #client: Promise<Client> | null = null;
  #closed = false;

  constructor(
    connection: ResolvedConnection,
    options: {
      /** Longest time for one statement: an answer that takes longer counts as a lost connection. */
      readonly deadAfterMs: number | false;
      readonly signal: AbortSignal;
      readonly onShutdown: () => void;
    },
  ) {
    this.#connection = connection;
    this.#signal = options.signal;
    this.#onShutdown = options.onShutdown;
    this.#deadAfterMs = options.deadAfterMs;
  }

  /** Runs a statement; connects first where there is no connection. */
  query<Row = SqlRow>(text: string, parameters: readonly SqlParameter[]): Promise<SqlResult<Row>> {
    const run = async (): Promise<SqlResult<Row>> => {
      const client = await this.#connect();
      return withinDeadline(client, this.#deadAfterMs, async () => {
        try {
          return await queryText<Row>(client, text, parameters);
        } catch (error) {
          if (!waitedForLock(error)) throw error;
          const executor: SqlExecutor = { query: (sql, values) => queryText(client, sql, values) };
          throw await lockedError(executor, error, { signal: this.#signal });
        }
      });
    };
    const mine = this.#turn.then(run, run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  readonly rows: TextQuery = async (sql, params = []) => (await this.query(sql, params)).rows;

  /** Makes sure that the watchman stands. */
  async watch(): Promise<void> {
    await this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = null;
    await client?.then(endClient, () => undefined);
  }

  #connect(): Promise<Client> {
    if (this.#closed) return Promise.reject(new PipelineStateError('The stream is closed.'));
    if (this.#client !== null) return this.#client;
    const connecting = this.#open();
    this.#client = connecting;
    connecting.catch(() => {
      if (this.#client === connecting) this.#client = null;
    });
    return connecting;
  }

  async #open(): Promise<Client> {
    const client = await connect(this.#connection, { signal: this.#signal });
    await queryText(client, limitLocksSql(this.#deadAfterMs));
    let code: unknown;
    client.on('error', (error: Error & { readonly code?: string }) => {
      code = error.code;
    });
    client.once('end', () => {
      this.#client = null;
      // An idle-session timeout says nothing about the server.
      if (!this.#closed && code !== '57P05') this.#onShutdown();
    });
    return client;
  }
}
