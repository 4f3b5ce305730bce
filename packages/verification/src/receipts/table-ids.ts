import { canonicalJson, type Receipt, ReceiptError, type TableVersion } from '@certyo-cdc/core';
import type { SqlExecutor } from '@certyo-cdc/postgres';

import { digestKey } from './record-key.ts';
import { addTableSql, tableIdSql } from './sql.ts';

interface Key {
  readonly database: string;
  readonly collection: string;
  readonly table: TableVersion | null;
}

/** The ids of table versions, learnt once per process. */
export class TableIds {
  readonly #schema: string;
  readonly #ids = new Map<string, number>();
  #last: Key | null = null;
  #lastId = 0;

  constructor(schema: string) {
    this.#schema = schema;
  }

  /** Forgets what may not be so any more. */
  clear(): void {
    this.#ids.clear();
    this.#last = null;
  }

  /** The id of each receipt's table version, or null where it has to be learnt first. */
  known(receipts: readonly Receipt[]): readonly number[] | null {
    const ids: number[] = [];
    for (const receipt of receipts) {
      const id = this.#known(receipt);
      if (id === null) return null;
      ids.push(id);
    }
    return ids;
  }

  /** Learns all of them, in a transaction of its own: another process may wait for the same. */
  async learn(
    executor: SqlExecutor,
    receipts: readonly Receipt[],
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    for (const receipt of receipts) {
      if (this.#known(receipt) !== null) continue;
      const digest = digestOf(receipt);
      const { table } = receipt;
      await executor.query(
        addTableSql(this.#schema),
        [
          digest,
          clean(receipt.database),
          clean(receipt.collection),
          table?.schema ?? null,
          table?.name ?? null,
          table?.fingerprint ?? null,
          table === null ? null : columnsText(table),
        ],
        options,
      );
      const { rows } = await executor.query<{ readonly id: string }>(
        tableIdSql(this.#schema),
        [digest],
        options,
      );
      const id = Number(rows[0]?.id);
      if (!Number.isInteger(id)) {
        throw new ReceiptError('A table version was stored and is not there.', { retryable: true });
      }
      this.#ids.set(digest, id);
    }
  }

  #known(receipt: Receipt): number | null {
    const last = this.#last;
    const isLast =
      last !== null &&
      last.table === receipt.table &&
      last.database === receipt.database &&
      last.collection === receipt.collection;
    if (isLast) return this.#lastId;
    const id = this.#ids.get(digestOf(receipt));
    if (id === undefined) return null;
    const { database, collection, table } = receipt;
    this.#last = { database, collection, table };
    this.#lastId = id;
    return id;
  }
}

function digestOf({ database, collection, table }: Key): string {
  return digestKey(JSON.stringify([database, collection, table?.fingerprint ?? null]));
}

function columnsText(table: TableVersion): string {
  return canonicalJson(table.columns.map(({ name, type, isKey }) => ({ name, type, isKey })));
}

/** PostgreSQL's text holds no NUL. */
function clean(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}');
}
