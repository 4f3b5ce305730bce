import {
  ConfigurationError,
  type LatestReceipt,
  type OperationType,
  type Receipt,
  type ReceiptCallOptions,
  type ReceiptStore,
  type RecordName,
  type RecordVersionName,
  type SendMark,
  type StoredReceipt,
} from '@certyo-cdc/core';
import { runSetup, type RunSetupOptions } from '@certyo-cdc/postgres';

import { ledgerSetupSql, ledgerTeardownSql } from '../setup/setup-sql.ts';
import { binaryArray } from './binary-array.ts';
import {
  type KeptReceipt,
  type KeptRow,
  type ReceiptState,
  RECEIPT_STATES,
  toKeptReceipt,
} from './kept-receipt.ts';
import { LedgerAccess } from './ledger-access.ts';
import { registerLedger } from './ledger-registry.ts';
import { normalizeReceiptStoreOptions, type PostgresReceiptStoreOptions } from './options.ts';
import {
  anchoredWithinSql,
  historySql,
  listSql,
  maintainSql,
  requeueSql,
  summarySql,
} from './query-sql.ts';
import { recordKey } from './record-key.ts';
import { ReceiptWriter } from './receipt-writer.ts';
import { addSendMarkSql, findSql, latestSql, mergeSendMarksSql, sendMarksSql } from './sql.ts';

/** How many receipts are unfinished. */
export interface LedgerSummary {
  readonly pending: number;
  /** Of these, how many were raised as unanchored for too long. */
  readonly overdue: number;
  readonly failed: number;
  /** When the API accepted the oldest pending one, ISO 8601, or null. */
  readonly oldestPendingAt: string | null;
}

/** How long it takes from acceptance to the anchor, milliseconds; null where nothing was anchored. */
export interface AnchoredWithin {
  readonly receipts: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly longestMs: number | null;
}

/** A store of receipts in PostgreSQL. */
export interface PostgresReceiptStore extends ReceiptStore, AsyncDisposable {
  /** Makes the tables; gives the SQL back. Running it again sets partitioning and retention anew. Needs CREATE on the database. */
  setup(options: RunSetupOptions): Promise<readonly string[]>;
  /** Removes the tables with every receipt. */
  teardown(options: RunSetupOptions): Promise<readonly string[]>;
  /**
   * Makes partitions ahead of time and drops those beyond the retention: names behind `+` and `-`. The store does it by itself every
   * few hours while it stores, and a verifier while it runs.
   */
  maintain(options: ReceiptCallOptions): Promise<readonly string[]>;
  summary(options: ReceiptCallOptions): Promise<LedgerSummary>;
  /** Receipts of one state, oldest first. */
  list(
    options: ReceiptCallOptions & {
      readonly state: ReceiptState;
      /** The cursor of the last one seen. */
      readonly after?: string | undefined;
      readonly limit: number;
    },
  ): Promise<readonly KeptReceipt[]>;
  /** All receipts of a record, oldest version first. */
  history(record: RecordName, options: ReceiptCallOptions): Promise<readonly KeptReceipt[]>;
  /** Of what the API has accepted since a time. */
  anchoredWithin(options: ReceiptCallOptions & { readonly since: Date }): Promise<AnchoredWithin>;
  /** Has the oldest failed receipts followed again, as new ones. Gives their number. Needs a verifier's privileges. */
  requeueFailed(options: ReceiptCallOptions & { readonly limit: number }): Promise<number>;
}

const CURSOR = /^([^/]+)\/([0-9a-f-]{36})\/(.*)$/su;
const MOST_ROWS = 100_000;

class Store implements PostgresReceiptStore {
  readonly #options: ReturnType<typeof normalizeReceiptStoreOptions>;
  readonly #schema: string;
  /** Reading must not wait for writing. */
  readonly #reading: LedgerAccess;
  readonly #writing: LedgerAccess;
  readonly #writer: ReceiptWriter;

  constructor(options: ReturnType<typeof normalizeReceiptStoreOptions>) {
    this.#options = options;
    this.#schema = options.place.schema;
    this.#reading = new LedgerAccess(options, 'certyo-cdc receipts (reading)');
    this.#writing = new LedgerAccess(options, 'certyo-cdc receipts');
    this.#writer = new ReceiptWriter(this.#writing, options.firstLookMs);
    registerLedger(this, options);
  }

  async store(receipts: readonly Receipt[], { signal }: ReceiptCallOptions): Promise<void> {
    if (receipts.length === 0) return;
    await this.#writer.store(receipts, signal);
  }

  async latest(
    records: readonly RecordName[],
    options: ReceiptCallOptions,
  ): Promise<readonly (LatestReceipt | null)[]> {
    if (records.length === 0) return [];
    const rows = await this.#reading.rows<{
      readonly record_version: string | null;
      readonly operation: OperationType;
      readonly state: ReceiptState;
      readonly fingerprint: string;
    }>(latestSql(this.#schema), [keys(records)], options);
    return rows.map((row) =>
      row.record_version === null
        ? null
        : {
            recordVersion: row.record_version,
            operationType: row.operation,
            payloadFingerprint: row.fingerprint,
            hasFailed: row.state === 'failed',
          },
    );
  }

  async find(
    versions: readonly RecordVersionName[],
    options: ReceiptCallOptions,
  ): Promise<readonly (StoredReceipt | null)[]> {
    if (versions.length === 0) return [];
    const texts = binaryArray('text', versions, 48, (writer, { recordVersion }) =>
      writer.text(recordVersion),
    );
    const rows = await this.#reading.rows<{
      readonly fingerprint: string | null;
      readonly record_hash: string | null;
      readonly accepted_at: string;
    }>(findSql(this.#schema), [keys(versions), texts], options);
    return rows.map((row) =>
      row.fingerprint === null
        ? null
        : {
            payloadFingerprint: row.fingerprint,
            recordHash: row.record_hash,
            acceptedAt: row.accepted_at,
          },
    );
  }

  async sendMarks(pipeline: string, options: ReceiptCallOptions): Promise<readonly SendMark[]> {
    const nowMs = Date.now();
    const rows = await this.#reading.rows<{
      readonly up_to: string;
      readonly age_ms: string | null;
    }>(sendMarksSql(this.#schema), [pipeline], options);
    return rows.map((row) => ({
      upTo: row.up_to,
      sinceMs: nowMs - (row.age_ms === null ? Infinity : Number(row.age_ms)),
    }));
  }

  async addSendMark(
    pipeline: string,
    upTo: string,
    options: Parameters<ReceiptStore['addSendMark']>[2],
  ): Promise<SendMark> {
    const nowMs = Date.now();
    const ageMs = await this.#writing.write(async (executor) => {
      await executor.query(mergeSendMarksSql(this.#schema), [pipeline], options);
      const { rows } = await executor.query<{ readonly age_ms: string | null }>(
        addSendMarkSql(this.#schema),
        [pipeline, upTo, options.isOfUnknownAge === true],
        options,
      );
      const age = rows[0]?.age_ms ?? null;
      return age === null ? Infinity : Number(age);
    }, options);
    return { upTo, sinceMs: nowMs - ageMs };
  }

  async setup(options: RunSetupOptions): Promise<readonly string[]> {
    const sql = ledgerSetupSql(this.#options.shape, this.#schema);
    return runSetup(this.#writing.session, sql, options);
  }

  async teardown(options: RunSetupOptions): Promise<readonly string[]> {
    this.#writer.forget();
    return runSetup(this.#writing.session, ledgerTeardownSql(this.#schema), options);
  }

  async maintain(options: ReceiptCallOptions): Promise<readonly string[]> {
    const rows = await this.#writing.rows<{ readonly done: string | null }>(
      maintainSql(this.#schema),
      [],
      options,
    );
    return (rows[0]?.done ?? '').split(',').filter((name) => name !== '');
  }

  async summary(options: ReceiptCallOptions): Promise<LedgerSummary> {
    const [row] = await this.#reading.rows<{
      readonly pending: string;
      readonly overdue: string;
      readonly failed: string;
      readonly oldest_pending_at: string | null;
    }>(summarySql(this.#schema), [], options);
    return {
      pending: Number(row?.pending ?? 0),
      overdue: Number(row?.overdue ?? 0),
      failed: Number(row?.failed ?? 0),
      oldestPendingAt: row?.oldest_pending_at ?? null,
    };
  }

  async list(
    options: Parameters<PostgresReceiptStore['list']>[0],
  ): Promise<readonly KeptReceipt[]> {
    const { after, limit, signal, state } = options;
    if (!RECEIPT_STATES.includes(state)) {
      throw new ConfigurationError('state', `Expected one of ${RECEIPT_STATES.join(', ')}.`);
    }
    const place = after === undefined ? null : CURSOR.exec(after);
    if (after !== undefined && place === null) {
      throw new ConfigurationError('after', 'Expected the cursor of a receipt.');
    }
    const rows = await this.#reading.rows<KeptRow>(
      listSql(this.#schema),
      [state, place?.[1] ?? null, place?.[2] ?? null, place?.[3] ?? null, checkLimit(limit)],
      { signal },
    );
    return rows.map((row) => toKeptReceipt(row));
  }

  async history(record: RecordName, options: ReceiptCallOptions): Promise<readonly KeptReceipt[]> {
    const key = recordKey(record);
    const rows = await this.#reading.rows<KeptRow>(historySql(this.#schema), [key], options);
    return rows.map((row) => toKeptReceipt(row));
  }

  async anchoredWithin(
    options: ReceiptCallOptions & { readonly since: Date },
  ): Promise<AnchoredWithin> {
    const [row] = await this.#reading.rows<Readonly<Record<string, string | null>>>(
      anchoredWithinSql(this.#schema),
      [options.since.toISOString()],
      options,
    );
    const ms = (name: string): number | null => {
      const value = row?.[name] ?? null;
      return value === null ? null : Number(value);
    };
    return {
      receipts: ms('receipts') ?? 0,
      p50Ms: ms('p50'),
      p95Ms: ms('p95'),
      p99Ms: ms('p99'),
      longestMs: ms('longest'),
    };
  }

  async requeueFailed(options: ReceiptCallOptions & { readonly limit: number }): Promise<number> {
    const { signal } = options;
    return this.#writing.write(async (executor) => {
      const limit = checkLimit(options.limit);
      const { rowCount } = await executor.query(requeueSql(this.#schema), [limit], { signal });
      return rowCount;
    }, options);
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await Promise.all([this.#reading.session.close(), this.#writing.session.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function keys(records: readonly RecordName[]): Buffer {
  return binaryArray('uuid', records, 16, (writer, record) => writer.hex(recordKey(record)));
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit > 0 && limit <= MOST_ROWS) return limit;
  throw new ConfigurationError(
    'limit',
    `Expected \`limit\` to be an integer from 1 to ${String(MOST_ROWS)}.`,
  );
}

/**
 * Keeps receipts in tables of schema `certyo`, in the captured database or any other. Give it to `certyoSink({ receipts })`.
 *
 * What several answers of the API give at one time is stored together, and is on disk when the call resolves. Receipts are
 * never changed; the roles of `receiptGrantSql` and `verifierGrantSql` cannot remove any. What fails is a `ReceiptError`, whose
 * `retryable` says whether waiting may help, and whose remedy names the SQL to run.
 *
 * The tables hold record ids, which are keys of rows, and no other value of a row.
 *
 * @example
 * const receipts = postgresReceiptStore({ connection });
 * await receipts.setup({ signal });
 * const pipeline = createPipeline(source, certyoSink({ receipts }));
 */
export function postgresReceiptStore(
  options: PostgresReceiptStoreOptions = {},
): PostgresReceiptStore {
  return new Store(normalizeReceiptStoreOptions(options));
}
