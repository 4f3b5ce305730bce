import type { ChangeEvent } from '@certyo-cdc/core';
import {
  quoteIdentifier,
  recordVersion,
  type SqlParameter,
  waitForFlush,
} from '@certyo-cdc/postgres';
import { behindSql } from '../table/key-order.ts';
import type { Tombstone } from '../deletes/tombstone.ts';
import { FIRST_PARAMETER, type PageRow } from '../table/read-page.ts';
import type { TableAccess } from '../table/table-access.ts';
import { cursorToJson, type Deletes } from './deletes.ts';
import { keyTexts, rowEvent } from './row-events.ts';
import {
  type CaughtUpTarget,
  PAGES_UNTIL_CUT,
  type ReaderContext,
  type TablePage,
  type TableReader,
  type TableState,
} from './table-reader.ts';

/** Where the reading of rows stands. */
interface RowPlace {
  /** Rows of transactions below it were handed over. */
  readonly xid: bigint;
  /** Of that transaction itself, rows up to this key; null none. */
  readonly key: readonly string[] | null;
}

/** One stretch of transactions that is read to its end: all of them have ended. */
interface Window {
  /** Transactions below it belong to it. */
  readonly below: bigint;
  /** Tombstones come first: where a row lives that was deleted and made again, its tombstone is left out. */
  readonly phase: 'tombstones' | 'rows';
  /** What its rows' transactions wrote is on disk (P-17). */
  readonly isOnDisk: boolean;
  readonly pages: number;
}

/**
 * Reads a table by the xid8 column that holds the transaction which wrote a row last.
 *
 * A row is handed over when every transaction up to its own has ended, by the snapshot that it is read with
 * (`pg_snapshot_xmin`). So no transaction can commit behind the cursor (P-01), and of two transactions that write one row,
 * the one with the smaller number may be the later one (P-02): by then both have ended, and the row shows the last.
 */
export class XidReader implements TableReader {
  readonly label: string;
  readonly #context: ReaderContext;
  readonly #access: TableAccess;
  readonly #deletes: Deletes | null;
  #place: RowPlace;
  #state: TableState;
  #window: Window | null = null;
  /** Every transaction below it has been handed over. */
  #through: bigint;
  #isNews = false;

  constructor(
    context: ReaderContext,
    access: TableAccess,
    deletes: Deletes | null,
    state: TableState | null,
  ) {
    this.#context = context;
    this.#access = access;
    this.#deletes = deletes;
    this.label = access.plan.settings.label;
    this.#place = {
      xid: BigInt(typeof state?.['xid'] === 'string' ? state['xid'] : 0),
      key: Array.isArray(state?.['key']) ? (state['key'] as readonly string[]) : null,
    };
    this.#through = this.#place.xid;
    this.#state = this.#stateNow();
  }

  get state(): TableState {
    return this.#state;
  }

  covers(target: CaughtUpTarget): boolean {
    return this.#deletes?.covers(target, this.#through) ?? this.#through >= target.above;
  }

  reset(): void {
    // The rest of the window is read again in a window of its own: the log may have lost what was not on disk.
    this.#window = null;
  }

  async read(options: { readonly signal: AbortSignal; readonly tick: number }): Promise<TablePage> {
    const window = this.#window;
    if (this.#deletes !== null && window?.phase !== 'rows') {
      if (window === null) await this.#deletes.reconcile(options);
      const page = await this.#deletes.read(window?.below ?? null, this.#tombstoneVersion, options);
      const { below } = page;
      const phase = page.hasMore ? 'tombstones' : 'rows';
      this.#window = { below, phase, isOnDisk: false, pages: (window?.pages ?? 0) + 1 };
      if (page.events.length > 0) return this.#give(page.events, page.bytes, true);
      if (page.hasMore) return this.#give([], 0, true);
    }
    return await this.#rows(options);
  }

  async #rows(options: { readonly signal: AbortSignal }): Promise<TablePage> {
    const page = await this.#access.page(this.#request(), options);
    const window = this.#window ?? {
      below: page.header.horizon,
      phase: 'rows',
      isOnDisk: false,
      pages: 0,
    };
    const { plan } = this.#access;
    const last = page.rows.at(-1);
    let { isOnDisk } = window;
    if (last !== undefined) {
      await this.#deletes?.remember(
        page.rows.map((row) => keyTexts(plan, row)),
        options,
      );
    }
    // Also where there are no rows: a crash gives the ids of transactions that are not on disk to later ones (P-17).
    if (!isOnDisk && (last !== undefined || window.below > this.#place.xid)) {
      const { written, flushed, life } = page.header;
      if (written !== null && (flushed === null || flushed < written)) {
        await waitForFlush(this.#context.session, written, { ...options, life });
      }
      isOnDisk = true;
    }
    this.#access.assertHeld();
    const changed = this.#access.takeSchemaChange(this.#place.xid);
    const events: ChangeEvent[] = changed === null ? [] : [changed];
    for (const row of page.rows) events.push(this.#event(row));
    if (page.isCut && last !== undefined) {
      this.#place = { xid: BigInt(last.lead), key: keyTexts(plan, last) };
      this.#window = { ...window, isOnDisk, pages: window.pages + 1 };
    } else {
      this.#place = { xid: window.below, key: null };
      this.#through = window.below;
      this.#window = null;
    }
    return this.#give(events, page.bytes, page.isCut);
  }

  #give(events: readonly ChangeEvent[], bytes: number, hasMore: boolean): TablePage {
    this.#isNews ||= events.length > 0;
    const isNews = this.#isNews;
    const pages = this.#window?.pages ?? 0;
    // A position in the middle of a window is good too; it cuts a transaction where that is larger than many pages.
    if (this.#window !== null && pages % PAGES_UNTIL_CUT !== 0) {
      return { events, bytes, hasMore, isNews, end: null };
    }
    this.#state = this.#stateNow();
    this.#isNews = false;
    return { events, bytes, hasMore, isNews, end: this.#state };
  }

  #stateNow(): TableState {
    const { xid, key } = this.#place;
    return {
      ...this.#access.stateNow(),
      xid: String(xid),
      key,
      tombstones: cursorToJson(this.#deletes?.after ?? null),
    };
  }

  readonly #tombstoneVersion = ({ xid }: Tombstone): string =>
    recordVersion(this.#context.epoch, xid, 0);

  #request(): Parameters<TableAccess['page']>[0] {
    const { plan } = this.#access;
    const { lead } = plan;
    const column = `t.${quoteIdentifier(lead.name)}`;
    const { xid, key } = this.#place;
    const parameters: SqlParameter[] = [String(xid)];
    const where: string[] = [];
    if (key === null) where.push(`${column} >= $${FIRST_PARAMETER}::pg_catalog.xid8`);
    else {
      where.push(behindSql({ ...lead, typeName: 'pg_catalog.xid8' }, plan.key, FIRST_PARAMETER));
      parameters.push(...key);
    }
    if (this.#window === null) where.push(`${column} < ${HORIZON_SQL}`);
    else {
      parameters.push(String(this.#window.below));
      where.push(`${column} < $${FIRST_PARAMETER + parameters.length - 1}::pg_catalog.xid8`);
    }
    return { where, parameters };
  }

  #event(row: PageRow): ChangeEvent {
    const xid = row.lead;
    return rowEvent(this.#context, this.#access.plan, row, {
      version: xid,
      recordVersion: recordVersion(this.#context.epoch, BigInt(xid), 1),
      xid,
    });
  }
}

/** In the same statement as the rows: read after them it would skip what is committed in between (P-16). */
const HORIZON_SQL = 'pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())';
