import { tableLabel } from '@certyo-cdc/core/internal';
import type { QualifiedName } from '@certyo-cdc/postgres';

import { ColumnWriter, type StatusWrite, type WriteOutcome } from './column-writer.ts';
import { type ColumnTarget, keyOfTable } from './options.ts';
import { codeOf, type TargetAccess } from './target-access.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Writes statuses into the columns of the tables of a target, each table in a transaction of its own. */
export class ColumnWriters {
  readonly #access: TargetAccess;
  readonly #writers: ReadonlyMap<string, ColumnWriter>;

  constructor(target: ColumnTarget, access: TargetAccess) {
    this.#access = access;
    this.#writers = new Map(
      target.tables.map((table) => [
        tableLabel(table),
        new ColumnWriter(table, target.rules, {
          status: target.status,
          schema: target.place.schema,
          key: keyOfTable(target.keys, table),
        }),
      ]),
    );
  }

  /** Null for a table that is not written to. */
  of(table: QualifiedName): ColumnWriter | null {
    return this.#writers.get(tableLabel(table)) ?? null;
  }

  /** Whether all tables can be written to. */
  async check(options: CallOptions): Promise<void> {
    await this.#access.read(async (executor) => {
      for (const writer of this.#writers.values()) {
        writer.forget();
        await writer.table(executor, options);
      }
    }, options);
  }

  /** In the order of `writes`. */
  async write(
    writer: ColumnWriter,
    writes: readonly StatusWrite[],
    options: CallOptions,
  ): Promise<readonly WriteOutcome[]> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#access.write(
          (executor) => writer.write(executor, writes, options),
          options,
        );
      } catch (error) {
        writer.forget();
        const code = codeOf(error);
        if (code === '55P03') return writes.map(() => 'busy');
        // A column has gone since the table was described.
        if (code === '42703' && attempt < 3) continue;
        if (code === null || !code.startsWith('22')) throw error;
        // A record id is no key of this table.
        if (writes.length === 1) return ['gone'];
        const middle = writes.length >> 1;
        return [
          ...(await this.write(writer, writes.slice(0, middle), options)),
          ...(await this.write(writer, writes.slice(middle), options)),
        ];
      }
    }
  }
}
