import {
  type OperationType,
  type RecordVersionName,
  type TableVersionColumn,
  WriteBackError,
} from '@certyo-cdc/core';
import { PostgresServerError, type SqlExecutor } from '@certyo-cdc/postgres';

import type { FinishedReceipt, VerifierFollower } from '../verifier/follower.ts';
import {
  addAnchoredSql,
  addToQueueSql,
  echoesSql,
  postponeSql,
  redriveSql,
  removeFromQueueSql,
  takeSql,
} from './queue-sql.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A finished receipt whose status is to be written, with what is known of its anchor. */
export interface QueuedReceipt extends RecordVersionName {
  readonly recordKey: string;
  readonly attempts: number;
  readonly operationType: OperationType;
  readonly state: 'anchored' | 'failed';
  readonly payloadFingerprint: string;
  readonly recordHash: string | null;
  readonly acceptedAt: string;
  readonly anchoredAt: string | null;
  readonly snapshotId: string | null;
  readonly batchId: string | null;
  readonly merkleRoot: string | null;
  readonly failure: string | null;
  /** Table and columns that the record was made with; null for what is not a row. */
  readonly table: {
    readonly schema: string;
    readonly name: string;
    readonly columns: readonly string[];
    /** How many of them name the record. */
    readonly keyColumns: number;
  } | null;
  /** False when the ledger has a later version of the record with another payload. */
  readonly isNewest: boolean;
}

/** Names one entry of the queue. */
export interface QueueEntry {
  readonly recordKey: string;
  readonly recordVersion: string;
  readonly attempts: number;
}

/** What was taken: entries without a finished receipt have nothing to be written. */
export interface Taken {
  readonly receipts: readonly QueuedReceipt[];
  readonly obsolete: readonly QueueEntry[];
}

/** What a record was given, for `echoes`. */
export interface WrittenVersion {
  readonly recordKey: string;
  readonly recordVersion: string;
  readonly fingerprint: string;
}

interface TakenRow {
  readonly record_key: string;
  readonly record_version: string;
  readonly attempts: string;
  readonly state: string | null;
  readonly database: string;
  readonly collection: string;
  readonly schema_name: string | null;
  readonly table_name: string | null;
  readonly columns: string | null;
  readonly record_id: string;
  readonly operation: OperationType;
  readonly fingerprint: string;
  readonly record_hash: string | null;
  readonly accepted_at: string;
  readonly anchored_at: string | null;
  readonly snapshot_id: string | null;
  readonly batch_id: string | null;
  readonly merkle_root: string | null;
  readonly failure: string | null;
  readonly newest_fingerprint: string | null;
}

/** What is still to be written back, in the ledger: filled in the verifier's transaction, emptied when it is written. */
export class WriteBackQueue {
  readonly #schema: string;
  readonly #target: string;
  readonly follower: VerifierFollower;

  constructor(schema: string, target: string) {
    this.#schema = schema;
    this.#target = target;
    this.follower = {
      name: target,
      follow: (receipts, { executor, signal }) => this.#add(receipts, executor, { signal }),
    };
  }

  /** The entries that are due, locked until the transaction ends; what another worker has is left to it. */
  async take(executor: SqlExecutor, most: number, options: CallOptions): Promise<Taken> {
    const { rows } = await executor.query<TakenRow>(
      takeSql(this.#schema),
      [this.#target, most],
      options,
    );
    return {
      receipts: rows.flatMap((row) => toQueued(row) ?? []),
      obsolete: rows.filter((row) => toQueued(row) === null).map(toEntry),
    };
  }

  async remove(
    executor: SqlExecutor,
    entries: readonly Pick<QueueEntry, 'recordKey' | 'recordVersion'>[],
    options: CallOptions,
  ): Promise<void> {
    if (entries.length === 0) return;
    await executor.query(
      removeFromQueueSql(this.#schema),
      [this.#target, keys(entries), versions(entries)],
      options,
    );
  }

  /** They are due again after their delay, milliseconds. */
  async postpone(
    executor: SqlExecutor,
    entries: readonly QueueEntry[],
    delayMs: (entry: QueueEntry) => number,
    options: CallOptions,
  ): Promise<void> {
    if (entries.length === 0) return;
    const delays = entries.map((entry) => String(Math.round(delayMs(entry))));
    await executor.query(
      postponeSql(this.#schema),
      [this.#target, keys(entries), versions(entries), delays],
      options,
    );
  }

  /** Puts the newest finished receipts of all records in, of those that were accepted since a time. Gives their number. */
  async redrive(executor: SqlExecutor, since: Date, options: CallOptions): Promise<number> {
    const { rowCount } = await executor.query(
      redriveSql(this.#schema),
      [this.#target, since.toISOString()],
      options,
    );
    return rowCount;
  }

  /** Puts the newest versions of these records in that are anchored. */
  async addAnchored(
    executor: SqlExecutor,
    recordKeys: readonly string[],
    options: CallOptions,
  ): Promise<number> {
    if (recordKeys.length === 0) return 0;
    const { rowCount } = await executor.query(
      addAnchoredSql(this.#schema),
      [this.#target, recordKeys],
      options,
    );
    return rowCount;
  }

  /** How many later receipts with the same payload each record has. */
  async echoes(
    executor: SqlExecutor,
    written: readonly WrittenVersion[],
    options: CallOptions,
  ): Promise<readonly number[]> {
    if (written.length === 0) return [];
    const { rows } = await executor.query<{ readonly echoes: string }>(
      echoesSql(this.#schema),
      [keys(written), versions(written), written.map(({ fingerprint }) => fingerprint)],
      options,
    );
    return rows.map(({ echoes }) => Number(echoes));
  }

  async #add(
    receipts: readonly FinishedReceipt[],
    executor: SqlExecutor,
    options: CallOptions,
  ): Promise<void> {
    try {
      await executor.query(
        addToQueueSql(this.#schema),
        [this.#target, keys(receipts), versions(receipts)],
        options,
      );
    } catch (error) {
      const isMissing = error instanceof PostgresServerError && error.code === '42P01';
      const isForbidden = error instanceof PostgresServerError && error.code === '42501';
      if (!isMissing && !isForbidden) throw error;
      throw new WriteBackError('WRITE_BACK', 'A verifier could not queue what was anchored.', {
        cause: error,
        retryable: false,
        remedy: isMissing
          ? 'Call setup() of the write-back once.'
          : 'Run what writeBackFollowerGrantSql() prints for the role of the verifier.',
      });
    }
  }
}

function keys(entries: readonly { readonly recordKey: string }[]): readonly string[] {
  return entries.map(({ recordKey }) => recordKey);
}

function versions(entries: readonly { readonly recordVersion: string }[]): readonly string[] {
  return entries.map(({ recordVersion }) => recordVersion);
}

function toEntry(row: TakenRow): QueueEntry {
  return {
    recordKey: row.record_key,
    recordVersion: row.record_version,
    attempts: Number(row.attempts),
  };
}

/** Null where the receipt is gone, or was put back among the pending ones: it will come again. */
function toQueued(row: TakenRow): QueuedReceipt | null {
  if (row.state !== 'anchored' && row.state !== 'failed') return null;
  return {
    ...toEntry(row),
    database: row.database,
    collection: row.collection,
    recordId: row.record_id,
    operationType: row.operation,
    state: row.state,
    payloadFingerprint: row.fingerprint,
    recordHash: row.record_hash,
    acceptedAt: row.accepted_at,
    anchoredAt: row.anchored_at,
    snapshotId: row.snapshot_id,
    batchId: row.batch_id,
    merkleRoot: row.merkle_root,
    failure: row.failure,
    table: tableOf(row),
    isNewest: row.newest_fingerprint === row.fingerprint,
  };
}

function tableOf({
  columns,
  schema_name: schema,
  table_name: name,
}: TakenRow): QueuedReceipt['table'] {
  if (schema === null || name === null || columns === null) return null;
  // Written by this package, see TableIds.
  const parsed = JSON.parse(columns) as readonly TableVersionColumn[];
  return {
    schema,
    name,
    columns: parsed.map((column) => column.name),
    keyColumns: parsed.filter(({ isKey }) => isKey).length,
  };
}
