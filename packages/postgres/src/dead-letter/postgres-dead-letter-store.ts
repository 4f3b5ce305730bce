import { createHash } from 'node:crypto';

import {
  ConfigurationError,
  type DeadLetter,
  DeadLetterError,
  type DeadLetterStore,
  type NewDeadLetter,
} from '@certyo-cdc/core';

import type { SqlSession } from '../connection/sql-executor.ts';
import { prepareToWrite } from '../setup/prepare-to-write.ts';
import { runSetup, type RunSetupOptions } from '../setup/run-setup.ts';
import { judgeStoreFailure } from '../setup/store-failure.ts';
import {
  normalizePostgresStoreOptions,
  openStoreSession,
  roleOf,
  type NormalizedStoreOptions,
  type PostgresStoreOptions,
} from '../setup/store-session.ts';
import { batchLetters, letterProblem } from './letter-batches.ts';
import {
  deadLetterGrantSql,
  deadLetterSetupSql,
  deadLetterTeardownSql,
  lanesSql,
  listSql,
  parkSql,
  removeSql,
} from './sql.ts';

/** A dead-letter store whose table is made and removed by explicit calls only. */
export interface PostgresDeadLetterStore extends DeadLetterStore {
  /** Makes schema and table; gives the SQL back. Running it again changes nothing. Needs CREATE on the database. */
  setup(options: RunSetupOptions): Promise<readonly string[]>;
  /** Removes the table with everything parked in it. */
  teardown(options: RunSetupOptions): Promise<readonly string[]>;
}

/**
 * Keeps parked records in a table `dead_letters` of schema `certyo`, in the captured database or any other.
 *
 * Letters of one call are parked in one transaction, in their order, and are on disk when it resolves. What fails is a
 * `DeadLetterError`; its `retryable` says whether waiting may help, its remedy names the SQL to run.
 *
 * The role needs USAGE on the schema and SELECT, INSERT, DELETE on the table (`deadLetterGrantSql`). The table holds the
 * payloads of the records: guard it as the tables that they come from.
 */
export function postgresDeadLetterStore(
  options: PostgresStoreOptions = {},
): PostgresDeadLetterStore {
  return new Store(normalizePostgresStoreOptions(options));
}

interface Row {
  readonly sequence: string;
  readonly lane: string;
  readonly event_id: string;
  readonly item_index: string;
  readonly item: string;
  readonly error_code: string;
  readonly error_message: string;
  readonly sent_since_ms: string | null;
  readonly parked_at_ms: string;
}

type Signalled = { readonly signal: AbortSignal };

class Store implements PostgresDeadLetterStore {
  readonly #schema: string;
  readonly #role: string;
  readonly #session: SqlSession;

  constructor(options: NormalizedStoreOptions) {
    this.#schema = options.schema;
    this.#role = roleOf(options);
    this.#session = openStoreSession(options, 'certyo-cdc dead letters');
  }

  async park(
    pipeline: string,
    letters: readonly NewDeadLetter[],
    { signal }: Signalled,
  ): Promise<void> {
    signal.throwIfAborted();
    for (const letter of letters) {
      const problem = letterProblem(letter);
      if (problem !== null) throw new DeadLetterError(problem, { retryable: false });
    }
    if (letters.length === 0) return;
    await this.#run('parked', signal, () =>
      this.#session.transaction(
        async (executor) => {
          await prepareToWrite(executor, signal);
          for (const batch of batchLetters(letters))
            await executor.query(parkSql(this.#schema), [pipeline, ...columns(batch)], { signal });
        },
        { signal },
      ),
    );
  }

  async lanes(pipeline: string, { signal }: Signalled): Promise<readonly string[]> {
    return await this.#run('read', signal, async () => {
      const { rows } = await this.#session.query<{ readonly lane: string }>(
        lanesSql(this.#schema),
        [pipeline],
        { signal },
      );
      return rows.map((row) => row.lane);
    });
  }

  async list(
    pipeline: string,
    options: Parameters<DeadLetterStore['list']>[1],
  ): Promise<readonly DeadLetter[]> {
    const { lane, after = '0', limit, signal } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > 2_147_483_647)
      throw new ConfigurationError('limit', 'Expected `limit` to be a positive integer.');
    if (!/^\d{1,19}$/.test(after))
      throw new ConfigurationError('after', 'Expected `after` to be the sequence of a letter.');
    return await this.#run('read', signal, async () => {
      const { rows } = await this.#session.query<Row>(
        listSql(this.#schema),
        [pipeline, after, limit, lane === undefined ? null : hash([lane])],
        { signal },
      );
      return rows.map((row) => toLetter(row));
    });
  }

  async remove(
    pipeline: string,
    sequences: readonly string[],
    { signal }: Signalled,
  ): Promise<void> {
    signal.throwIfAborted();
    if (sequences.length === 0) return;
    await this.#run('removed', signal, () =>
      this.#session.transaction(
        async (executor) => {
          await prepareToWrite(executor, signal);
          await executor.query(removeSql(this.#schema), [pipeline, sequences], { signal });
        },
        { signal },
      ),
    );
  }

  async setup(options: RunSetupOptions): Promise<readonly string[]> {
    return await runSetup(this.#session, deadLetterSetupSql(this.#schema), options);
  }

  async teardown(options: RunSetupOptions): Promise<readonly string[]> {
    return await runSetup(this.#session, deadLetterTeardownSql(this.#schema), options);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  async #run<T>(done: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const { said, retryable, remedy } = judgeStoreFailure(error, {
        setup: deadLetterSetupSql(this.#schema),
        grants: deadLetterGrantSql(this.#role, this.#schema),
      });
      throw new DeadLetterError(`Parked records could not be ${done}: ${said}.`, {
        cause: error,
        retryable,
        remedy,
      });
    }
  }
}

function hash(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function columns(letters: readonly NewDeadLetter[]): readonly (readonly (string | null)[])[] {
  return [
    letters.map((letter) => hash([letter.lane])),
    letters.map((letter) => hash([letter.eventId, letter.itemIndex])),
    letters.map((letter) => letter.lane),
    letters.map((letter) => letter.eventId),
    letters.map((letter) => String(letter.itemIndex)),
    letters.map((letter) => letter.item),
    letters.map((letter) => letter.errorCode),
    // The message may quote what came over the network.
    letters.map((letter) => letter.errorMessage.replaceAll('\0', '\u{FFFD}')),
    letters.map(({ sentSinceMs }) => (sentSinceMs === null ? null : String(sentSinceMs))),
  ];
}

function toLetter(row: Row): DeadLetter {
  return {
    sequence: row.sequence,
    lane: row.lane,
    eventId: row.event_id,
    itemIndex: Number(row.item_index),
    item: row.item,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    sentSinceMs: row.sent_since_ms === null ? null : Number(row.sent_since_ms),
    parkedAtMs: Number(row.parked_at_ms),
  };
}
