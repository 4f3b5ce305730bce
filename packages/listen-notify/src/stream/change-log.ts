import { GapError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  openSequenceLog,
  type QualifiedName,
  type SequenceLog,
  type SequenceLogPage,
  type SqlSession,
} from '@certyo-cdc/postgres';
import { type LogRow, logRow } from './log-row.ts';
import { LOG_ROW, logGuards } from './sql.ts';

type Guard = 'logId' | 'prunedThrough' | 'timeline' | 'lease';
type Page = SequenceLogPage<keyof typeof LOG_ROW, Guard>;

/** What one look at the log gave. */
export interface LogPage {
  readonly rows: readonly LogRow[];
  readonly epoch: number;
  /** Everything up to here was handed over, by this page or earlier ones. */
  readonly through: bigint;
  /** The newest number up to `through` behind which no transaction is cut, or null. */
  readonly endsAt: bigint | null;
  readonly hasMore: boolean;
  /** Numbers are drawn of which it is not known yet what becomes of them. */
  readonly isPending: boolean;
}

export interface ChangeLogOptions {
  readonly session: SqlSession;
  readonly log: QualifiedName;
  readonly logId: string;
  readonly after: bigint;
  readonly epoch: number;
  /** Of the server's WAL, where `after` was handed over. */
  readonly timeline: string;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** SQL that is true while this reader may read. */
  readonly leaseGuard: () => string;
}

/** Thrown when the page was read without the right to: nothing of it is handed over. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Reads the log in order, and refuses to go on when it is not the log, or not the server, that it was. */
export class ChangeLog {
  readonly #options: ChangeLogOptions;
  #reader: SequenceLog<keyof typeof LOG_ROW, Guard>;
  #through: bigint;
  #epoch: number;
  #timeline: string;

  constructor(options: ChangeLogOptions) {
    this.#options = options;
    this.#through = options.after;
    this.#epoch = options.epoch;
    this.#timeline = options.timeline;
    this.#reader = this.#open();
  }

  get through(): bigint {
    return this.#through;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get timeline(): string {
    return this.#timeline;
  }

  /** Reads the next page. After an error it goes on behind the last page that it gave. */
  async read(options: { readonly signal: AbortSignal }): Promise<LogPage> {
    for (;;) {
      const page = await this.#reader.read(options);
      if (!this.#isOnSameTimeline(page)) continue;
      this.#assertIntact(page);
      this.#through = page.through;
      return {
        rows: page.rows.map((row) => logRow(row)),
        epoch: this.#epoch,
        through: page.through,
        endsAt: page.endsAt,
        hasMore: page.hasMore,
        isPending: page.pending,
      };
    }
  }

  /** The greatest number that is visible now, or 0. */
  committedTo(options: { readonly signal: AbortSignal }): Promise<bigint> {
    return this.#reader.committedTo(options);
  }

  /** Forgets what was true of an earlier connection or lease. */
  restart(): void {
    this.#reader = this.#open();
  }

  /** Goes back to where it was: what came behind could not be used. */
  rewind(through: bigint): void {
    this.#through = through;
    this.restart();
  }

  #open(): SequenceLog<keyof typeof LOG_ROW, Guard> {
    const { leaseGuard, log, maxBytes, maxRows, session } = this.#options;
    return openSequenceLog({
      session,
      table: log,
      select: LOG_ROW,
      guards: logGuards(log, leaseGuard()),
      after: this.#through,
      maxRows,
      maxBytes,
    });
  }

  #assertIntact({ guards }: Page): void {
    const { log, logId } = this.#options;
    if (guards.logId !== logId) {
      throw logGap(`The change log ${tableLabel(log)} was made again, or emptied.`);
    }
    if (BigInt(guards.prunedThrough ?? 0) > this.#through) {
      throw logGap(
        `The change log ${tableLabel(log)} was pruned through ${String(guards.prunedThrough)}, beyond ${String(this.#through)}, up to which it was read: another pipeline reads the same log.`,
      );
    }
    if (guards.lease !== 'true') throw new LeaseLost();
  }

  /**
   * On another timeline the server may lack the end of the old one, and may give its numbers to other changes. What was
   * pruned is proof: that it was read is itself written in the log of the server that is read now.
   */
  #isOnSameTimeline({ guards }: Page): boolean {
    const { timeline } = guards;
    if (timeline === null || timeline === this.#timeline) return true;
    if (BigInt(guards.prunedThrough ?? 0) !== this.#through) {
      throw timelineGap(this.#timeline, timeline);
    }
    this.#timeline = timeline;
    this.#epoch += 1;
    this.restart();
    return false;
  }
}

export function logGap(what: string): GapError {
  return new GapError('GAP_LOG', `${what} Changes may be missing.`, {
    remedy:
      'Give each pipeline a log of its own (option log). Copy the tables again under a new pipeline name.',
  });
}

export function timelineGap(before: string, now: string): GapError {
  return new GapError(
    'GAP_TIMELINE',
    `The server is on timeline ${now}, and on ${before} when the change log was last read: it failed over or was restored, and may lack changes that were delivered.`,
    {
      remedy:
        'Find out which changes the server lost; then start under a new pipeline name after a copy (option copy).',
    },
  );
}
