import { createHash } from 'node:crypto';
import type { ChangeEvent, JsonValue } from '@certyo-cdc/core';
import {
  quoteIdentifier,
  recordVersion,
  type SqlParameter,
  waitForFlush,
} from '@certyo-cdc/postgres';
import type { Tombstone } from '../deletes/tombstone.ts';
import { behindSql } from '../table/key-order.ts';
import { FIRST_PARAMETER, type PageRow, type RawPage } from '../table/read-page.ts';
import type { TableAccess } from '../table/table-access.ts';
import { cursorToJson, type Deletes, type OldRow } from './deletes.ts';
import { HandedOver } from './handed-over.ts';
import { keyTexts, rowEvent } from './row-events.ts';
import { microsOfStamp } from './stamp-micros.ts';
import {
  type CaughtUpTarget,
  PAGES_UNTIL_CUT,
  type ReaderContext,
  type TablePage,
  type TableReader,
  type TableState,
} from './table-reader.ts';

/** Where the pass over the table stands: behind this row. */
interface Place {
  readonly stamp: string;
  readonly key: readonly string[];
}

/** A moment at which a pass began. */
interface Moment {
  readonly asked: string;
  /** No transaction that existed then has an id as great. */
  readonly above: bigint;
}

/** One pass over the table, from the lower end of the overlap to the newest stamp. */
interface Pass {
  /** The tick at which it began. */
  readonly tick: number;
  /** The next pass begins the overlap before this. */
  readonly next: string;
  readonly at: Place | null;
  readonly pages: number;
}

/**
 * Reads a table by a stamp that every write sets to the time.
 *
 * A stamp is the start of its transaction, which may commit after later stamps were read (P-01), and a row's stamp may go
 * back (P-02). So each pass begins `overlapMs` before an earlier one did: the newest of which is known, by their ids, that all
 * transactions that were writing then have ended. The very first pass waits for those. What a transaction writes is missed
 * only when it began longer than the overlap before its first write. Of what a pass finds again, only what has another stamp
 * or content than when it was handed over is handed over.
 */
export class TimestampReader implements TableReader {
  readonly label: string;
  readonly #context: ReaderContext;
  readonly #access: TableAccess;
  readonly #deletes: Deletes | null;
  readonly #overlapMs: number;
  readonly #seen: HandedOver;
  /** The next pass begins the overlap before this; null at the beginning of the table. */
  #from: string | null;
  /** A later moment that takes its place when all transactions of then have ended. */
  #candidate: Moment | null;
  #pass: Pass | null = null;
  #resumed: Pass | null = null;
  #state: TableState;
  #isNews = false;
  /** The tick of the newest pass that was finished. */
  #passed = -1;
  /** Deletes of transactions below it have been handed over. */
  #deletedBelow = 0n;

  constructor(
    context: ReaderContext,
    access: TableAccess,
    deletes: Deletes | null,
    overlapMs: number,
    state: TableState | null,
  ) {
    this.#context = context;
    this.#access = access;
    this.#deletes = deletes;
    this.#overlapMs = overlapMs;
    this.label = access.plan.settings.label;
    this.#from = typeof state?.['from'] === 'string' ? state['from'] : null;
    this.#candidate = momentFromJson(state?.['candidate']);
    this.#seen = HandedOver.fromJson(state?.['seen']);
    this.#resumed = passFromJson(state?.['pass']);
    this.#state = state ?? this.#stateNow();
  }

  get state(): TableState {
    return this.#state;
  }

  covers(target: CaughtUpTarget): boolean {
    return (
      this.#passed >= target.tick && (this.#deletes?.covers(target, this.#deletedBelow) ?? true)
    );
  }

  reset(): void {
    // What was given is on disk: the pass goes on where it is.
  }

  async read(options: { readonly signal: AbortSignal; readonly tick: number }): Promise<TablePage> {
    // Tombstones first: a row that was made again since is found by the pass that follows.
    if (this.#deletes !== null && this.#pass === null) {
      await this.#deletes.reconcile(options);
      const page = await this.#deletes.read(null, this.#tombstoneVersion, options);
      if (!page.hasMore) this.#deletedBelow = page.below;
      if (page.hasMore || page.events.length > 0) {
        return this.#give(page.events, page.bytes, { hasMore: true, isEnd: false });
      }
    }
    if (await this.#hasToWait(options)) return NOTHING;
    const page = await this.#access.page(this.#request(), options);
    const pass = this.#pass ?? this.#resumed ?? this.#begin(page, options.tick);
    this.#resumed = null;
    return await this.#take(page, pass, options);
  }

  /** Whether nothing was read yet, because transactions that were writing at the first look are not over. */
  get isWaiting(): boolean {
    return this.#from === null && this.#pass === null && this.#resumed === null;
  }

  /** A pass that goes back to before these is exact; they may be older than any overlap. */
  async #hasToWait(options: { readonly signal: AbortSignal }): Promise<boolean> {
    if (!this.isWaiting) return false;
    const { header } = await this.#access.page({ where: ['false'], parameters: [] }, options);
    this.#candidate ??= momentOf(header);
    return header.horizon < this.#candidate.above;
  }

  async #take(
    page: RawPage,
    pass: Pass,
    options: { readonly signal: AbortSignal },
  ): Promise<TablePage> {
    const { plan } = this.#access;
    const fresh = page.rows.filter((row) => !this.#seen.has(keyTexts(plan, row), digestOf(row)));
    if (fresh.length > 0) {
      await this.#deletes?.remember(
        fresh.map((row) => keyTexts(plan, row)),
        options,
      );
      // Rows may have been written since the pass began, so each page waits for its own.
      const { written, life } = page.header;
      if (written !== null) {
        await waitForFlush(this.#context.session, written, { ...options, life });
      }
      // Begun again when that has been told. What was deleted row by row needs no such care: its tombstone is left out.
      if ((await this.#deletes?.isTruncated(options)) === true) {
        this.#pass = null;
        return NOTHING;
      }
    }
    this.#access.assertHeld();
    const changed = this.#access.takeSchemaChange(microsOfStamp(pass.next));
    const events: ChangeEvent[] = changed === null ? [] : [changed];
    for (const row of fresh) events.push(this.#event(row, pass));
    const last = page.rows.at(-1);
    if (page.isCut && last !== undefined) {
      const at = { stamp: last.lead, key: keyTexts(plan, last) };
      this.#pass = { ...pass, at, pages: pass.pages + 1 };
      const isEnd = this.#pass.pages % PAGES_UNTIL_CUT === 0;
      return this.#give(events, page.bytes, { hasMore: true, isEnd });
    }
    this.#pass = null;
    this.#from = pass.next;
    this.#passed = pass.tick;
    this.#seen.forgetBefore(this.#lowest(pass));
    return this.#give(events, page.bytes, { hasMore: false, isEnd: true });
  }

  #give(
    events: readonly ChangeEvent[],
    bytes: number,
    how: { readonly hasMore: boolean; readonly isEnd: boolean },
  ): TablePage {
    this.#isNews ||= events.length > 0;
    const isNews = this.#isNews;
    if (!how.isEnd) return { events, bytes, hasMore: how.hasMore, isNews, end: null };
    if (isNews) this.#state = this.#stateNow();
    this.#isNews = false;
    return { events, bytes, hasMore: how.hasMore, isNews, end: this.#state };
  }

  #begin({ header }: RawPage, tick: number): Pass {
    const now = momentOf(header);
    const settled =
      this.#candidate !== null && header.horizon >= this.#candidate.above ? this.#candidate : null;
    const next = settled?.asked ?? this.#from ?? now.asked;
    if (settled !== null || this.#candidate === null) this.#candidate = now;
    return { tick, next, at: null, pages: 0 };
  }

  /** What the next pass reads again begins here. */
  #lowest(pass: Pass): bigint {
    return microsOfStamp(pass.next) - BigInt(this.#overlapMs) * 1_000n;
  }

  #request(): Parameters<TableAccess['page']>[0] {
    const { plan } = this.#access;
    const { lead } = plan;
    const column = `t.${quoteIdentifier(lead.name)}`;
    const at = (this.#pass ?? this.#resumed)?.at ?? null;
    if (at !== null) {
      const parameters: SqlParameter[] = [at.stamp, ...at.key];
      return { where: [behindSql(lead, plan.key, FIRST_PARAMETER)], parameters };
    }
    if (this.#from === null) return { where: [], parameters: [] };
    // A stamp is bound from its text, never from a Date (P-04). One without time zone is UTC, as this session's zone is.
    const from = `($${FIRST_PARAMETER}::timestamptz - $${FIRST_PARAMETER + 1}::int8 * interval '1 millisecond')`;
    const where = `${column} >= ${from}${lead.typeName.includes('with time zone') ? '' : '::timestamp'}`;
    return { where: [where], parameters: [this.#from, this.#overlapMs] };
  }

  #event(row: PageRow, pass: Pass): ChangeEvent {
    const { plan } = this.#access;
    const key = keyTexts(plan, row);
    const digest = digestOf(row);
    const stamp = microsOfStamp(row.lead);
    const { micros, n } = this.#seen.note(key, digest, stamp, stamp >= this.#lowest(pass));
    return rowEvent(this.#context, plan, row, {
      version: `${row.lead}/${digest}${n === 0 ? '' : `/${micros}-${n}`}`,
      recordVersion: recordVersion(this.#context.epoch, micros, n),
      xid: null,
    });
  }

  /** Behind everything that was handed over of the record. */
  readonly #tombstoneVersion = (tombstone: Tombstone, old: OldRow | null): string => {
    const { lead } = this.#access.plan;
    const text = old?.get(lead.name) ?? null;
    const last = tombstone.kind === 'deleted' ? this.#seen.last(tombstone.key) : null;
    const deleted = microsOfStamp(tombstone.deletedAt);
    let micros = text === null ? deleted : microsOfStamp(text);
    let n = TOMBSTONE_N;
    if (last !== null && last.micros >= micros) {
      ({ micros } = last);
      n = Math.max(n, last.n + 1);
    }
    if (tombstone.kind === 'deleted') this.#seen.noteDelete(tombstone.key, micros, n);
    else {
      this.#seen.noteTruncate();
      // Rows that were put back as they were are behind it: the passes before this took them for what they knew.
      this.#passed = -1;
    }
    return recordVersion(this.#context.epoch, micros, n);
  };

  #stateNow(): TableState {
    const pass = this.#pass;
    return {
      ...this.#access.stateNow(),
      from: this.#from,
      candidate:
        this.#candidate === null
          ? null
          : { asked: this.#candidate.asked, above: String(this.#candidate.above) },
      pass:
        pass === null
          ? null
          : {
              next: pass.next,
              stamp: pass.at?.stamp ?? '',
              key: pass.at?.key ?? [],
            },
      seen: this.#seen.toJSON(),
      tombstones: cursorToJson(this.#deletes?.after ?? null),
    };
  }
}

const NOTHING: TablePage = { events: [], bytes: 0, hasMore: false, isNews: false, end: null };

function momentOf({ askedAt, above }: RawPage['header']): Moment {
  return { asked: askedAt, above };
}

/** Versions of a delete lie behind those of the row that it deleted. */
const TOMBSTONE_N = 1_000_000_000;

function momentFromJson(value: JsonValue | undefined): Moment | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { asked, above } = value as TableState;
  if (typeof asked !== 'string' || typeof above !== 'string') return null;
  return { asked, above: BigInt(above) };
}

function passFromJson(value: JsonValue | undefined): Pass | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { next, stamp, key } = value as TableState;
  if (typeof next !== 'string' || typeof stamp !== 'string' || !Array.isArray(key)) return null;
  return { tick: -1, next, at: { stamp, key: key as readonly string[] }, pages: 0 };
}

/** Tells stamp and content apart; as short as it may be among the versions of one record. */
function digestOf(row: PageRow): string {
  const hash = createHash('sha256').update(row.lead);
  for (const text of row.texts) hash.update(text === null ? '\0n' : `\0t${text}`);
  return hash.digest('base64url').slice(0, 16);
}
