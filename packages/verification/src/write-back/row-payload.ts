import { hash } from 'node:crypto';

import { CdcError, type RowChange } from '@certyo-cdc/core';
import { type DraftRules, type RecordDraft, toDrafts } from '@certyo-cdc/core/internal';
import { OWN_COLUMNS } from '@certyo-cdc/postgres';

import { namesOf } from './status-columns.ts';
import { RowReader, type TargetRow, type TargetTable, textOf } from './target-table.ts';

/** SHA-256 over a canonical payload, as receipts have it. */
export function fingerprintOf(payload: string): string {
  return hash('sha256', payload, 'hex');
}

/** Makes records of rows as the sink does, with the same rules. */
export class RowPayloads {
  readonly #table: TargetTable;
  readonly #rules: DraftRules;
  readonly #rows: RowReader;
  readonly #own: ReadonlySet<string>;

  constructor(table: TargetTable, rules: DraftRules) {
    this.#table = table;
    this.#rows = new RowReader(table);
    this.#own = new Set([...namesOf(table.status), ...OWN_COLUMNS]);
    this.#rules = { ...rules, statusColumns: new Set([...rules.statusColumns, ...this.#own]) };
  }

  /** The record that a copy would make of the row now; null where the mapper wants none. */
  now(row: TargetRow): RecordDraft | null {
    return draft(this.#rows.event(row), this.#rules);
  }

  /**
   * The record that would have been made of the row when the table had these columns; null where that cannot be said: a column is
   * gone, or one was added since and does not show what it shows in rows that nobody has changed since.
   */
  asOf(row: TargetRow, columns: readonly string[]): RecordDraft | null {
    const then = new Set(columns);
    const now = new Map(this.#table.description.columns.map((column) => [column.name, column]));
    if (columns.some((name) => !now.has(name))) return null;
    const added = [...now.values()].filter(
      ({ generated, name }) => generated === null && !this.#own.has(name) && !then.has(name),
    );
    if (added.some(({ name }) => !this.#isUntouched(row, name))) return null;
    const generated = columns.filter((name) => now.get(name)?.generated !== null);
    const hidden = added.map(({ name }) => name);
    const rules =
      hidden.length === 0
        ? this.#rules
        : { ...this.#rules, statusColumns: new Set([...this.#rules.statusColumns, ...hidden]) };
    return draft(this.#rows.event(row, generated), rules);
  }

  #isUntouched(row: TargetRow, column: string): boolean {
    return textOf(this.#table, row, column) === (this.#table.missing.get(column) ?? null);
  }
}

/** A row of which no record can be made is not what a receipt is of. */
function draft(event: RowChange, rules: DraftRules): RecordDraft | null {
  try {
    return toDrafts(event, rules)[0] ?? null;
  } catch (error) {
    if (CdcError.is(error)) return null;
    throw error;
  }
}
