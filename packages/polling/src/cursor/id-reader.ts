import type { ChangeEvent, JsonValue } from '@certyo-cdc/core';
import {
  openSequenceLog,
  type QualifiedName,
  quoteIdentifier,
  recordVersion,
  type SequenceLog,
} from '@certyo-cdc/postgres';
import type { Tombstone } from '../deletes/tombstone.ts';
import type { PageRow } from '../table/read-page.ts';
import type { TableAccess } from '../table/table-access.ts';
import type { TablePlan } from '../table/table-plan.ts';
import { cursorToJson, type Deletes, type OldRow } from './deletes.ts';
import { keyTexts, rowEvent } from './row-events.ts';
import type {
  CaughtUpTarget,
  ReaderContext,
  TablePage,
  TableReader,
  TableState,
} from './table-reader.ts';

const GREATEST = 2n ** 63n - 1n;

/**
 * Reads a table to which rows are only added, in the order of their numbers, behind a gap fence: a number that is missing is
 * waited for until no transaction that may hold it is left.
 */
export class IdReader implements TableReader {
  readonly label: string;
  readonly #context: ReaderContext;
  readonly #access: TableAccess;
  readonly #deletes: Deletes | null;
  readonly #sequence: QualifiedName;
  #log: { readonly plan: TablePlan; readonly log: SequenceLog } | null = null;
  /** Rows up to this number have been handed over. */
  #through: bigint;
  /** Rows up to this number that end a transaction, as far as is known. */
  #state: TableState;
  #isNews = false;
  #committedTo: { readonly tick: number; readonly number: bigint } = { tick: -1, number: 0n };
  #deletedBelow = 0n;

  constructor(
    context: ReaderContext,
    access: TableAccess,
    deletes: Deletes | null,
    sequence: QualifiedName,
    state: TableState | null,
  ) {
    this.#context = context;
    this.#access = access;
    this.#deletes = deletes;
    this.#sequence = sequence;
    this.label = access.plan.settings.label;
    // A column may hold numbers below 1, which a sequence does not draw.
    this.#through = typeof state?.['id'] === 'string' ? BigInt(state['id']) : 0n;
    this.#state = this.#stateNow();
  }

  get state(): TableState {
    return this.#state;
  }

  covers(target: CaughtUpTarget): boolean {
    return (
      this.#committedTo.tick >= target.tick &&
      this.#through >= this.#committedTo.number &&
      (this.#deletes?.covers(target, this.#deletedBelow) ?? true)
    );
  }

  reset(): void {
    // The log begins again by itself after an error.
  }

  async read(options: { readonly signal: AbortSignal; readonly tick: number }): Promise<TablePage> {
    if (this.#deletes !== null) {
      await this.#deletes.reconcile(options);
      const page = await this.#deletes.read(null, this.#tombstoneVersion, options);
      if (!page.hasMore) this.#deletedBelow = page.below;
      if (page.hasMore) return this.#give(page.events, page.bytes, true);
      if (page.events.length > 0) return this.#give(page.events, page.bytes, true);
    }
    // An empty page checks that the table is the one that is known, and describes it again when it was altered.
    await this.#access.page({ where: ['false'], parameters: [] }, options);
    const { plan } = this.#access;
    if (this.#log?.plan !== plan) this.#log = { plan, log: this.#open(plan) };
    const { log } = this.#log;
    // Kept only when what it gives is handed over: it goes on behind its last page, whatever became of that.
    this.#log = null;
    if (options.tick > this.#committedTo.tick) {
      const number = await log.committedTo(options);
      this.#committedTo = { tick: options.tick, number };
    }
    const page = await log.read(options);
    const rows = page.rows.map(({ sequence, values }): PageRow => {
      const texts = plan.columns.map((_, index) => values[`c${index}`] ?? null);
      return { lead: String(sequence), texts };
    });
    // What came after it is told after it. The log is opened again then.
    if (rows.length > 0 && (await this.#deletes?.isTruncated(options)) === true) {
      return { events: [], bytes: 0, hasMore: false, isNews: false, end: null };
    }
    await this.#deletes?.remember(
      rows.map((row) => keyTexts(plan, row)),
      options,
    );
    this.#access.assertHeld();
    const changed = this.#access.takeSchemaChange(this.#through);
    const events: ChangeEvent[] = changed === null ? [] : [changed];
    let bytes = 0;
    for (const row of rows) {
      for (const text of row.texts) bytes += 16 + (text?.length ?? 0);
      events.push(
        rowEvent(this.#context, plan, row, {
          version: row.lead,
          recordVersion: recordVersion(this.#context.epoch, BigInt(row.lead), 0),
          xid: null,
        }),
      );
    }
    this.#through = page.through;
    this.#log = { plan, log };
    return this.#give(events, bytes, page.hasMore);
  }

  #open(plan: TablePlan): SequenceLog {
    const context = this.#context;
    const columns = plan.columns.map(
      ({ name }, index) => [`c${index}`, outputSql(`log.${quoteIdentifier(name)}`)] as const,
    );
    return openSequenceLog({
      session: context.session,
      table: plan.settings,
      sequence: this.#sequence,
      sequenceColumn: plan.lead.name,
      xidColumn: null,
      select: Object.fromEntries(columns),
      after: this.#through,
      maxRows: context.maxRows,
      maxBytes: context.maxBytes,
    });
  }

  #give(events: readonly ChangeEvent[], bytes: number, hasMore: boolean): TablePage {
    this.#isNews ||= events.length > 0;
    const isNews = this.#isNews;
    // Rows of one transaction are told apart by nothing here: every number is an end.
    this.#state = this.#stateNow();
    this.#isNews = false;
    return { events, bytes, hasMore, isNews, end: this.#state };
  }

  readonly #tombstoneVersion = (_tombstone: Tombstone, old: OldRow | null): string => {
    const number = old?.get(this.#access.plan.lead.name);
    return recordVersion(this.#context.epoch, number == null ? GREATEST : BigInt(number), 1);
  };

  #stateNow(): Readonly<Record<string, JsonValue>> {
    return {
      ...this.#access.stateNow(),
      id: String(this.#through),
      tombstones: cursorToJson(this.#deletes?.after ?? null),
    };
  }
}

/** A value as its type's output function prints it, also where a cast to text prints another text (boolean, character(n), inet). */
function outputSql(expression: string): string {
  return `CASE WHEN pg_catalog.num_nulls(${expression}) = 0 THEN pg_catalog.format('%s', ${expression}) END`;
}
