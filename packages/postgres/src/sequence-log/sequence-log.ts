import { GapError, SourceConnectionError, SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';

import type { SqlSession } from '../connection/sql-executor.ts';
import type { SqlRow } from '../connection/text-query.ts';
import { type QualifiedName, qualifiedName } from '../identifier/quote.ts';
import { FlushMarks, isSameLife, waitForFlush } from './flush-fence.ts';
import { GapFence, type LockHolder } from './gap-fence.ts';
import { committedToSql, HEADER_LENGTH, holdersSql, type PageQuery, pageSql } from './sql.ts';
import { TransactionEnds } from './transaction-ends.ts';

/** Options of `openSequenceLog`. */
export interface SequenceLogOptions<Column extends string = string, Guard extends string = string> {
  /** Its statements must each have a snapshot of their own, as those of `sqlSession` have. */
  readonly session: SqlSession;
  /** The table. It is written by INSERTs into this very table (not into a partition of it) that draw the number themselves. */
  readonly table: QualifiedName;
  /** The sequence that numbers its rows, with `CACHE 1`. @default `<table>_sequence` in the table's schema */
  readonly sequence?: QualifiedName | undefined;
  /** The column that holds the number; an index begins with it. @default 'sequence' */
  readonly sequenceColumn?: string | undefined;
  /**
   * The column that holds the top-level transaction id with its epoch (`txid_current()`); null where there is none: then
   * every row counts as a transaction of its own. @default 'xid'
   */
  readonly xidColumn?: string | null | undefined;
  /** What to read of a row: SQL expressions over the table's columns (`log` is its alias), by name. Given as text. */
  readonly select: Readonly<Record<Column, string>>;
  /** SQL expressions that are read in the same snapshot as the rows, by name. Given as text. */
  readonly guards?: Readonly<Record<Guard, string>> | undefined;
  /** Rows up to this number have been handed over before. */
  readonly after: bigint;
  /** Most rows in one page. @default 1000 */
  readonly maxRows?: number | undefined;
  /** Bytes of text after which a page ends; its last row may exceed it. @default 4 MiB */
  readonly maxBytes?: number | undefined;
  /** Hands over only what is on disk (P-17). Aurora does not tell: there it has to be false. @default true */
  readonly waitForFlush?: boolean | undefined;
}

/** A row of the log. */
export interface SequenceLogRow<Column extends string = string> {
  readonly sequence: bigint;
  readonly xid: bigint | null;
  readonly values: Readonly<Record<Column, string | null>>;
}

/** What one read gave. */
export interface SequenceLogPage<Column extends string = string, Guard extends string = string> {
  /** In the order of their numbers, none left out. */
  readonly rows: readonly SequenceLogRow<Column>[];
  /** Every row up to this number has been handed over, by this page or earlier ones. */
  readonly through: bigint;
  /**
   * The newest number up to `through` at which a transaction ended and, as far as is known, none straddles; null when
   * there is none since the last one. It may lie before the last row of the page. Where transactions interleave without
   * end, one is cut.
   */
  readonly endsAt: bigint | null;
  /** The next read gives more at once. */
  readonly hasMore: boolean;
  /** Numbers are drawn that are not handed over: by transactions that are not over, or that are still being read. */
  readonly pending: boolean;
  /** Who may hold the next number; empty when nothing is known to be waited for. A prepared transaction has no `pid`. */
  readonly waitingFor: readonly LockHolder[];
  readonly guards: Readonly<Record<Guard, string | null>>;
}

/** A table read in the order of its sequence. */
export interface SequenceLog<Column extends string = string, Guard extends string = string> {
  /**
   * Reads the next page. Never waits for a transaction: call it again after a while when it is `pending`. After an error
   * it goes on behind the last page that it gave. One call at a time.
   */
  read(options: { readonly signal: AbortSignal }): Promise<SequenceLogPage<Column, Guard>>;
  /** The greatest number that is visible now, or 0: what is committed is handed over when `through` has reached it. */
  committedTo(options: { readonly signal: AbortSignal }): Promise<bigint>;
}

const PAGES_UNTIL_CUT = 4;

/**
 * Reads a table that is only inserted into, in the order of its sequence, without losing rows whose transactions commit
 * later than those of greater numbers (O-01), and without reordering the changes of a record, as an order by transaction id
 * would (O-02): where a record's row lock is taken before its number is drawn, order of numbers is order of commits.
 *
 * Rows are handed over up to the first number that is missing; it is passed when no transaction that may hold it is left
 * (see `GapFence`), and it is still missing in a later snapshot.
 *
 * Errors of `read`: `GapError` GAP_LOG when the sequence has gone back behind what was handed over; `SourceSetupError` for
 * a sequence with CACHE; `SourceConnectionError` on a standby, whose locks do not tell of the primary's transactions; what
 * `SqlExecutor.query` rejects with.
 */
export function openSequenceLog<Column extends string, Guard extends string = never>(
  options: SequenceLogOptions<Column, Guard>,
): SequenceLog<Column, Guard> {
  return new Log(options);
}

interface Page<Column extends string, Guard extends string> {
  readonly given: readonly SequenceLogRow<Column>[];
  /** Rows that were seen behind those. */
  readonly behind: readonly { readonly sequence: bigint; readonly xid: bigint | null }[];
  /** There are rows that could be given, but do not fit. */
  readonly isCut: boolean;
  /** There may be rows that were not seen. */
  readonly isFull: boolean;
  readonly drawn: bigint;
  readonly horizon: bigint;
  /** Null where nobody waits for the disk. */
  readonly written: bigint | null;
  readonly flushed: bigint;
  readonly life: string | null;
  readonly guards: Readonly<Record<Guard, string | null>>;
}

class Log<Column extends string, Guard extends string> implements SequenceLog<Column, Guard> {
  readonly #session: SqlSession;
  readonly #query: PageQuery;
  readonly #pageSql: string;
  readonly #columns: readonly string[];
  readonly #guards: readonly string[];
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #ends: TransactionEnds;
  #marks = new FlushMarks();
  #fence: GapFence;
  #through: bigint;
  #life: string | null = null;
  /** The last page gave nothing because its first number was missing: then one row is enough to see whether it has come. */
  #isStuck = false;

  constructor(options: SequenceLogOptions<Column, Guard>) {
    const { table } = options;
    this.#session = options.session;
    this.#query = {
      table,
      sequence: options.sequence ?? { schema: table.schema, name: `${table.name}_sequence` },
      sequenceColumn: options.sequenceColumn ?? 'sequence',
      xidColumn: options.xidColumn === undefined ? 'xid' : options.xidColumn,
      select: options.select,
      guards: options.guards ?? {},
      waitForFlush: options.waitForFlush ?? true,
    };
    this.#pageSql = pageSql(this.#query);
    this.#columns = Object.keys(this.#query.select);
    this.#guards = Object.keys(this.#query.guards);
    this.#maxRows = options.maxRows ?? 1000;
    this.#maxBytes = options.maxBytes ?? 4 * 1024 * 1024;
    this.#through = options.after;
    this.#fence = new GapFence(options.after);
    this.#ends = new TransactionEnds(options.after, PAGES_UNTIL_CUT * this.#maxRows);
  }

  async read(options: { readonly signal: AbortSignal }): Promise<SequenceLogPage<Column, Guard>> {
    try {
      return await this.#read(options);
    } catch (error) {
      // It may be another server from now on, or one that has lost what was not on disk.
      this.#forget();
      throw error;
    }
  }

  #forget(): void {
    this.#fence = new GapFence(this.#through);
    this.#marks = new FlushMarks();
    this.#isStuck = false;
    this.#life = null;
  }

  async committedTo(options: { readonly signal: AbortSignal }): Promise<bigint> {
    const { rows } = await this.#session.query<{ readonly sequence: string | null }>(
      committedToSql(this.#query.table, this.#query.sequenceColumn),
      [],
      options,
    );
    return BigInt(rows[0]?.sequence ?? 0);
  }

  async #read(options: { readonly signal: AbortSignal }): Promise<SequenceLogPage<Column, Guard>> {
    for (;;) {
      const settled = this.#fence.settled;
      const page = await this.#page(options);
      if (page.life !== null && this.#life !== null && !isSameLife(page.life, this.#life)) {
        this.#forget();
        continue;
      }
      this.#life = page.life;
      if (page.written !== null) this.#marks.note({ ...page, written: page.written }, page.flushed);
      const last = page.given.at(-1)?.sequence ?? this.#through;
      const through = page.isCut || last > settled ? last : settled;
      const pending = page.drawn > through;
      if (pending && !page.isCut) await this.#look(page, through, options);
      const canGoOn = this.#fence.settled > through;
      this.#isStuck = pending && through === this.#through && !page.isCut && !canGoOn;
      if (through === this.#through && (page.isCut || canGoOn)) continue;
      await this.#untilOnDisk(page, options);
      this.#through = through;
      this.#fence.pass(through);
      return {
        rows: page.given,
        through,
        endsAt: this.#ends.advance(page.given, page.behind, page.isFull, through),
        hasMore: page.isCut || canGoOn,
        pending,
        waitingFor: pending && !page.isCut ? this.#fence.holders : [],
        guards: page.guards,
      };
    }
  }

  async #page(options: { readonly signal: AbortSignal }): Promise<Page<Column, Guard>> {
    const limit = this.#isStuck ? 1 : this.#maxRows + 1;
    const settled = this.#fence.settled;
    const { rows } = await this.#session.query(
      this.#pageSql,
      [this.#through, settled, limit, this.#maxBytes],
      options,
    );
    const found = rows
      .filter((row) => row['certyo_header'] === null)
      .map((row) => ({
        sequence: BigInt(row['certyo_sequence'] ?? 0),
        xid: row['certyo_xid'] == null ? null : BigInt(row['certyo_xid']),
        state: row['certyo_state'],
        row,
      }))
      .sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
    const most = this.#isStuck ? 0 : this.#maxRows;
    const given = found.slice(0, most).filter(({ state }) => state === 'g');
    const behind = found.slice(given.length);
    this.#isStuck = false;
    const header = rows.find((row) => row['certyo_header'] !== null)?.['certyo_header'];
    return {
      ...this.#header(JSON.parse(header ?? '[]') as (string | null)[]),
      given: given.map(({ sequence, xid, row }) => ({ sequence, xid, values: this.#values(row) })),
      behind,
      isCut: behind.some(({ state }) => state != null),
      isFull: found.length === limit,
    };
  }

  #values(row: SqlRow): Readonly<Record<Column, string | null>> {
    const values: Record<string, string | null> = {};
    for (const name of this.#columns) values[name] = row[name] ?? null;
    return values as Record<Column, string | null>;
  }

  #header(
    members: readonly (string | null)[],
  ): Omit<Page<Column, Guard>, 'given' | 'behind' | 'isCut' | 'isFull'> {
    const [drawn, isUsable, isStandby, horizon, written, flushed, life] = members;
    const { table, sequence } = this.#query;
    if (isStandby === 'true')
      throw new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        `The server is a standby: ${tableLabel(table)} can only be read in order on the primary.`,
      );
    if (drawn == null || horizon == null || isUsable !== 'true')
      throw new SourceSetupError(
        `The sequence ${tableLabel(sequence)} draws numbers before they are used, or backwards: the order of ${tableLabel(table)} is not known.`,
        {
          remedy: `Run: ALTER SEQUENCE ${qualifiedName(sequence)} INCREMENT BY 1 CACHE 1 NO CYCLE; then end the sessions that have written through it.`,
        },
      );
    if (BigInt(drawn) < this.#through)
      throw new GapError(
        'GAP_LOG',
        `The sequence ${tableLabel(sequence)} stands at ${drawn}, before ${String(this.#through)}, which was read already.`,
        {
          remedy:
            'It was set back or restored from a backup: copy the tables again, and start without the old checkpoint.',
        },
      );
    const guards: Record<string, string | null> = {};
    for (const [index, name] of this.#guards.entries())
      guards[name] = members[HEADER_LENGTH + index] ?? null;
    return {
      drawn: BigInt(drawn),
      horizon: BigInt(horizon),
      written: written == null ? null : BigInt(written),
      flushed: BigInt(flushed ?? 0),
      life: life ?? null,
      guards: guards as Record<Guard, string | null>,
    };
  }

  async #look(
    page: Page<Column, Guard>,
    through: bigint,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    const { rows } = await this.#session.query<{
      readonly id: string;
      readonly pid: string | null;
      readonly xids: string | null;
    }>(holdersSql(this.#query.table), [], options);
    const holders = rows.map(({ id, pid, xids }) => ({
      id,
      pid: pid === null ? null : Number(pid),
      xids: xids === null ? [] : xids.split(','),
    }));
    // A number that is not on disk may be drawn again after a crash, when the look would say nothing about it.
    this.#fence.observe(page.written === null ? page.drawn : this.#marks.drawn, holders);
    if (this.#fence.settled > through || this.#fence.settledBy(page.drawn) <= through) return;
    await this.#flush(page, options);
    this.#fence.observe(page.drawn, holders);
  }

  /** Rows are on disk when their transactions had ended at a place of the log that is. */
  async #untilOnDisk(
    page: Page<Column, Guard>,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    const isOnDisk = page.given.every(({ xid }) => xid !== null && xid < this.#marks.horizon);
    if (!isOnDisk) await this.#flush(page, options);
  }

  async #flush(
    { written, life }: Page<Column, Guard>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    if (written === null || this.#marks.flushed >= written) return;
    this.#marks.advance(await waitForFlush(this.#session, written, { signal, life }));
  }
}
