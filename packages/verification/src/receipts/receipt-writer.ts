import { type Receipt, ReceiptError } from '@certyo-cdc/core';
import { PostgresServerError, type SqlParameter } from '@certyo-cdc/postgres';

import type { LedgerAccess } from './ledger-access.ts';
import { maintainSql } from './query-sql.ts';
import { receiptColumns } from './receipt-columns.ts';
import { storeSql } from './sql.ts';
import { TableIds } from './table-ids.ts';
import { WriteQueue } from './write-queue.ts';

/** Partitions are made long ahead; a default one takes what comes without. */
const MAINTAIN_EVERY_MS = 6 * 3_600_000;
/** Not while a pipeline has just begun and its first receipts wait. */
const FIRST_MAINTENANCE_MS = 60_000;

/** Writes receipts in the order in which they come, what waits together. */
export class ReceiptWriter {
  readonly #access: LedgerAccess;
  readonly #firstLookMs: number;
  readonly #tableIds: TableIds;
  readonly #queue: WriteQueue<Receipt>;
  readonly #closing = new AbortController();
  #maintainedAtMs = Date.now() - MAINTAIN_EVERY_MS + FIRST_MAINTENANCE_MS;

  constructor(access: LedgerAccess, firstLookMs: number) {
    this.#access = access;
    this.#firstLookMs = firstLookMs;
    this.#tableIds = new TableIds(access.schema);
    this.#queue = new WriteQueue((receipts) => this.#write(receipts));
  }

  store(receipts: readonly Receipt[], signal: AbortSignal): Promise<void> {
    return this.#queue.add(receipts, signal);
  }

  /** After a teardown the ids of table versions are others. */
  forget(): void {
    this.#tableIds.clear();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('The store of receipts is closed.'));
    await this.#queue.idle();
  }

  async #write(receipts: readonly Receipt[]): Promise<void> {
    try {
      const ids = this.#tableIds.known(receipts) ?? (await this.#learn(receipts));
      const { columns, mayRepeat } = receiptColumns(receipts, ids, Date.now());
      await this.#insert([...columns, Math.ceil(this.#firstLookMs)], mayRepeat);
    } catch (error) {
      this.#tableIds.clear();
      throw error;
    }
    await this.#maintain();
  }

  async #insert(parameters: readonly SqlParameter[], mayRepeat: boolean): Promise<void> {
    const { signal } = this.#closing;
    const sql = storeSql(this.#access.schema, mayRepeat);
    try {
      await this.#access.write((executor) => executor.query(sql, parameters, { signal }), {
        signal,
      });
    } catch (error) {
      if (mayRepeat || !isRepeat(error)) throw error;
      await this.#insert(parameters, true);
    }
  }

  async #learn(receipts: readonly Receipt[]): Promise<readonly number[]> {
    const { signal } = this.#closing;
    await this.#access.write((executor) => this.#tableIds.learn(executor, receipts, { signal }), {
      signal,
    });
    return this.#tableIds.known(receipts) ?? [];
  }

  /** What goes wrong here is nothing that a pipeline has to stop for; a verifier tells of it. */
  async #maintain(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - this.#maintainedAtMs < MAINTAIN_EVERY_MS) return;
    this.#maintainedAtMs = nowMs;
    const { signal } = this.#closing;
    await this.#access.session
      .query(maintainSql(this.#access.schema), [], { signal })
      .catch(() => {});
  }
}

/** A unique violation: what the API calls new has its receipt. */
function isRepeat(error: unknown): boolean {
  return (
    error instanceof ReceiptError &&
    error.cause instanceof PostgresServerError &&
    error.cause.code === '23505'
  );
}
