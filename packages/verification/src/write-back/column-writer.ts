import { WriteBackError } from '@certyo-cdc/core';
import { type DraftRules, tableLabel, payloadText } from '@certyo-cdc/core/internal';
import {
  PostgresServerError,
  type QualifiedName,
  quoteIdentifier,
  type SqlExecutor,
  type SqlParameter,
} from '@certyo-cdc/postgres';

import { readRowsSql, triggersSql, writeStatusSql } from './column-sql.ts';
import { fingerprintOf, RowPayloads } from './row-payload.ts';
import { type RowStatus, statusRank } from './status-columns.ts';
import {
  describeTarget,
  readRow,
  type TargetRow,
  type TargetTable,
  type TargetTableOptions,
  textOf,
} from './target-table.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** A status for a row, if it is what was verified. */
export interface StatusWrite {
  /** Texts of the key columns, in their order. */
  readonly key: readonly string[];
  /** Null where any will do. */
  readonly recordId: string | null;
  readonly fingerprint: string;
  /** The columns that the payload was made of; null for all that are there now. */
  readonly columns: readonly string[] | null;
  readonly status: Exclude<RowStatus, 'pending'>;
  readonly recordHash: string | null;
}

/**
 * What became of a write:
 *
 * - `written`
 * - `kept`: the row says as much already
 * - `newer`: the row is not what was verified
 * - `gone`: there is no such row
 * - `busy`: somebody has it locked
 */
export type WriteOutcome = 'written' | 'kept' | 'newer' | 'gone' | 'busy';

/**
 * Writes statuses into the rows of one table: locks the rows that nobody else has, in the order of the key; compares each with what
 * was verified; writes; and looks whether anything but the status has changed with it, which would make it a change of the row.
 */
export class ColumnWriter {
  readonly #name: QualifiedName;
  readonly #rules: DraftRules;
  readonly #options: Omit<TargetTableOptions, 'signal'>;
  #table: TargetTable | null = null;

  constructor(name: QualifiedName, rules: DraftRules, options: Omit<TargetTableOptions, 'signal'>) {
    this.#name = name;
    this.#rules = rules;
    this.#options = options;
  }

  /**
   * The table as it was last seen.
   *
   * @throws WriteBackError when it cannot be written to as things are.
   */
  async table(executor: SqlExecutor, options: CallOptions): Promise<TargetTable> {
    this.#table ??= await this.#describe(executor, options);
    return this.#table;
  }

  payloads(table: TargetTable): RowPayloads {
    return new RowPayloads(table, this.#rules);
  }

  async write(
    executor: SqlExecutor,
    writes: readonly StatusWrite[],
    options: CallOptions,
  ): Promise<readonly WriteOutcome[]> {
    let table = await this.table(executor, options);
    let rows: ReadonlyMap<number, TargetRow>;
    for (;;) {
      rows = await readRows(executor, table, writes, true, options);
      // From here on the table cannot be altered.
      const now = await this.#describe(executor, options);
      this.#table = now;
      if (now.fingerprint === table.fingerprint) break;
      table = now;
    }
    const payloads = this.payloads(table);
    const outcomes = await this.#judge(executor, table, payloads, writes, rows, options);
    const chosen = writes.flatMap((write, n) => (outcomes[n] === 'written' ? [{ write, n }] : []));
    if (chosen.length === 0) return outcomes;
    await this.#update(
      executor,
      table,
      chosen.map(({ write }) => write),
      options,
    );
    await this.#check(executor, table, payloads, chosen, rows, options);
    return outcomes;
  }

  /** What was seen of the table may not be so any more. */
  forget(): void {
    this.#table = null;
  }

  async #judge(
    executor: SqlExecutor,
    table: TargetTable,
    payloads: RowPayloads,
    writes: readonly StatusWrite[],
    rows: ReadonlyMap<number, TargetRow>,
    options: CallOptions,
  ): Promise<readonly WriteOutcome[]> {
    const absent = writes.flatMap((write, n) => (rows.has(n) ? [] : [{ write, n }]));
    const there =
      absent.length === 0
        ? new Map<number, TargetRow>()
        : await readRows(
            executor,
            table,
            absent.map(({ write }) => write),
            false,
            options,
          );
    const busy = new Set(absent.flatMap(({ n }, place) => (there.has(place) ? [n] : [])));
    return writes.map((write, n) => {
      const row = rows.get(n);
      if (row === undefined) return busy.has(n) ? 'busy' : 'gone';
      const draft = write.columns === null ? payloads.now(row) : payloads.asOf(row, write.columns);
      const isVerified =
        draft !== null &&
        (write.recordId === null || draft.recordId === write.recordId) &&
        fingerprintOf(payloadText(draft)) === write.fingerprint;
      if (!isVerified) return 'newer';
      const said = textOf(table, row, table.status.status);
      return statusRank(write.status) > statusRank(said) ? 'written' : 'kept';
    });
  }

  /** The keys are those of rows: what goes wrong here is for a column or a trigger of the table. */
  async #update(
    executor: SqlExecutor,
    table: TargetTable,
    writes: readonly StatusWrite[],
    options: CallOptions,
  ): Promise<void> {
    try {
      await executor.query(
        writeStatusSql(table),
        [
          writes.map(({ status }) => status),
          writes.map(({ recordHash }) => recordHash),
          ...keyArrays(table, writes),
        ],
        options,
      );
      // Triggers that wait for the end run now.
      await executor.query('SET CONSTRAINTS ALL IMMEDIATE', [], options);
    } catch (error) {
      if (!(error instanceof PostgresServerError) || !error.code.startsWith('22')) throw error;
      throw new WriteBackError(
        'WRITE_BACK',
        `${tableLabel(table.name)} does not take a status: ${error.message}`,
        {
          cause: error,
          retryable: false,
          remedy:
            'Give the status columns the types text and timestamptz, or mend the trigger that fails.',
        },
      );
    }
  }

  /** Triggers have run: the rows must be what they were, but for the status. */
  async #check(
    executor: SqlExecutor,
    table: TargetTable,
    payloads: RowPayloads,
    chosen: readonly { readonly write: StatusWrite; readonly n: number }[],
    before: ReadonlyMap<number, TargetRow>,
    options: CallOptions,
  ): Promise<void> {
    const after = await readRows(
      executor,
      table,
      chosen.map(({ write }) => write),
      false,
      options,
    );
    for (const [place, { n, write }] of chosen.entries()) {
      const old = before.get(n);
      const row = after.get(place);
      const isSame =
        old !== undefined &&
        row !== undefined &&
        textNow(payloads, old) === textNow(payloads, row) &&
        textOf(table, row, table.status.status) === write.status;
      if (!isSame) throw await this.#undone(executor, table, options);
    }
  }

  async #undone(
    executor: SqlExecutor,
    table: TargetTable,
    options: CallOptions,
  ): Promise<WriteBackError> {
    const { rows } = await executor.query<{ readonly names: string | null }>(
      triggersSql(),
      [table.description.oid],
      options,
    );
    const own = new Set(Object.values(table.status));
    const columns = table.description.columns.filter(
      ({ generated, name }) => generated === null && !own.has(name),
    );
    const row = (alias: string): string =>
      `ROW(${columns.map(({ name }) => `${alias}.${quoteIdentifier(name)}`).join(', ')})`;
    return new WriteBackError(
      'WRITE_BACK_LOOP',
      `Writing a status into ${tableLabel(table.name)} changes more of the row than its status, so that it would be a change that is anchored again. Nothing was written. Its triggers on UPDATE: ${rows[0]?.names ?? 'none'}.`,
      {
        retryable: false,
        remedy: `Give the trigger that does it the condition WHEN (${row('OLD')} IS DISTINCT FROM ${row('NEW')}), or write statuses into the side table only.`,
      },
    );
  }

  async #describe(executor: SqlExecutor, options: CallOptions): Promise<TargetTable> {
    const table = await describeTarget(executor, this.#name, { ...this.#options, ...options });
    const label = tableLabel(table.name);
    const refuse = (what: string, remedy: string): WriteBackError =>
      new WriteBackError('WRITE_BACK', what, { retryable: false, remedy });
    if (table.absent.length > 0) {
      throw refuse(
        `${label} does not have the column ${table.absent.join(', ')}.`,
        'Call setup() of the write-back once, or print its SQL with dryRun.',
      );
    }
    if (!table.hasTrigger) {
      throw refuse(
        `${label} does not have the trigger that takes the status from rows that change: it would stand on newer content than was verified.`,
        'Call setup() of the write-back once, or print its SQL with dryRun.',
      );
    }
    if (table.isFiltered) {
      throw refuse(
        `Row level security hides rows of ${label}.`,
        'Give the role of the write-back BYPASSRLS.',
      );
    }
    if (table.key.length === 0) {
      throw refuse(`${label} has no primary key.`, `Name its key columns in keys['${label}'].`);
    }
    return table;
  }
}

/** What the record of a row would say now; null where there would be none. */
function textNow(payloads: RowPayloads, row: TargetRow): string | null {
  const draft = payloads.now(row);
  return draft === null ? null : payloadText(draft);
}

/** By the place of the write. */
async function readRows(
  executor: SqlExecutor,
  table: TargetTable,
  writes: readonly StatusWrite[],
  locks: boolean,
  options: CallOptions,
): Promise<ReadonlyMap<number, TargetRow>> {
  const { rows } = await executor.query(
    readRowsSql(table, locks),
    keyArrays(table, writes),
    options,
  );
  return new Map(rows.map((row) => [Number(row['n']) - 1, readRow(table, row)]));
}

function keyArrays(table: TargetTable, writes: readonly StatusWrite[]): readonly SqlParameter[] {
  return table.key.map((_, index) => writes.map(({ key }) => key[index] ?? null));
}
