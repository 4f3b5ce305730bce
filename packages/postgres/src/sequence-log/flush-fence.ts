import { SourceConnectionError } from '@certyo-cdc/core';
import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';

import type { SqlExecutor } from '../connection/sql-executor.ts';

/**
 * An SQL expression: the place, as a whole number in text, up to which the log was written when it is evaluated; null on
 * a standby. Read it in the same statement as rows, and hand these over after `waitForFlush` (P-17).
 */
export const WRITTEN_LSN_SQL: string = lsnSql('pg_current_wal_insert_lsn');

/** An SQL expression like `WRITTEN_LSN_SQL`: the place up to which the log is on disk. */
export const FLUSHED_LSN_SQL: string = lsnSql('pg_current_wal_flush_lsn');

/** Both functions raise an error during recovery; CASE keeps them from being called. */
function lsnSql(name: string): string {
  return `CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.${name}(), '0/0')::text END`;
}

/**
 * An SQL expression that tells lives of a server apart: after a crash the log goes on at an earlier place, and what was
 * read before says nothing any more. Give it to `waitForFlush` as it was read together with the rows.
 */
export const SERVER_LIFE_SQL: string =
  "(SELECT pg_catalog.concat(pid, '/', extract(epoch FROM backend_start), '@', checkpoint_lsn) FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()), pg_catalog.pg_control_checkpoint())";

/**
 * A connection does not outlive a crash, and after a crash there is another checkpoint: where one of both is the same, it
 * is the same life. A process id comes again, so the connection is known by its start as well.
 */
export function isSameLife(left: string, right: string): boolean {
  const [connection, checkpoint] = left.split('@');
  const [otherConnection, otherCheckpoint] = right.split('@');
  return connection === otherConnection || checkpoint === otherCheckpoint;
}

const FLUSHED_SQL = `SELECT ${FLUSHED_LSN_SQL} AS flushed, ${SERVER_LIFE_SQL} AS life`;

/**
 * Where little happens, the log writer sleeps for seconds, and what an open transaction has written wakes it not. The
 * commit of a transaction that has an id and wrote nothing does; it writes 34 bytes of log.
 */
const WAKE_SQL = 'SELECT pg_catalog.txid_current()';

const SHORTEST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 16;

/**
 * Resolves when the server's log is on disk up to `written`, which `WRITTEN_LSN_SQL` gave together with rows.
 *
 * Rows of a transaction with `synchronous_commit = off` are visible before they are on disk. After a crash they are gone,
 * and their numbers and transaction ids are given to others: to hand them over earlier would put two changes under one
 * identity (P-17). Where others commit it takes a moment; else the server's log writer is woken, which needs up to
 * `wal_writer_delay` (200 ms).
 *
 * @returns How far the log is on disk.
 * @throws SourceConnectionError SOURCE_UNREACHABLE when the server may have been restarted since `options.life`: then read
 * again.
 */
export async function waitForFlush(
  session: SqlExecutor,
  written: bigint,
  options: { readonly signal: AbortSignal; readonly life?: string | null | undefined },
): Promise<bigint> {
  let isWoken = false;
  let life = options.life ?? null;
  for (let pauseMs = SHORTEST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const { rows } = await session.query<{
      readonly flushed: string | null;
      readonly life: string;
    }>(FLUSHED_SQL, [], options);
    const flushed = rows[0]?.flushed;
    const lifeNow = rows[0]?.life ?? '';
    if (life !== null && !isSameLife(life, lifeNow)) throw restarted();
    life = lifeNow;
    // A standby shows only what is on disk here.
    if (flushed == null) return written;
    if (isFlushed(written, BigInt(flushed))) return BigInt(flushed);
    if (pauseMs === LONGEST_PAUSE_MS && !isWoken) {
      isWoken = true;
      await session.query(WAKE_SQL, [], options);
    }
    await sleep(SYSTEM_TIME, pauseMs, options.signal);
  }
}

function restarted(): SourceConnectionError {
  return new SourceConnectionError(
    'SOURCE_UNREACHABLE',
    'The server may have been restarted while rows waited for its disk; they are read again.',
  );
}

const WAL_PAGE_BYTES = 8192n;
const PAGE_HEADER_BYTES = 24n;
const SEGMENT_HEADER_BYTES = 40n;
/** The least segment that a server can have. */
const SEGMENT_BYTES = 1024n * 1024n;

/**
 * Whether the log is on disk up to `written`. The place to write next lies behind the header of a page as soon as the
 * page before is full, while the header itself is only written with the next record: that may be long after.
 */
export function isFlushed(written: bigint, flushed: bigint): boolean {
  if (flushed >= written) return true;
  const header =
    written % SEGMENT_BYTES === SEGMENT_HEADER_BYTES ? SEGMENT_HEADER_BYTES : PAGE_HEADER_BYTES;
  return written % WAL_PAGE_BYTES === header && flushed >= written - header;
}

/** What was true when the log had been written up to `written`. */
export interface FlushMark {
  readonly written: bigint;
  /** Transactions below this id had ended. */
  readonly horizon: bigint;
  /** Sequence numbers up to this one had been drawn. */
  readonly drawn: bigint;
}

const MAX_MARKS = 32;

/** Remembers what is known to be on disk, so that old rows need not wait. */
export class FlushMarks {
  readonly #marks: FlushMark[] = [];
  /** Transactions below this id ended before something that is on disk. */
  horizon = 0n;
  /** Numbers up to this one are drawn for good. */
  drawn = 0n;
  /** How far the log is known to be on disk. */
  flushed = 0n;

  note(mark: FlushMark, flushed: bigint): void {
    if (this.#marks.length === MAX_MARKS) this.#marks.pop();
    this.#marks.push(mark);
    this.advance(flushed);
  }

  advance(flushed: bigint): void {
    if (flushed > this.flushed) this.flushed = flushed;
    for (let mark = this.#marks[0]; mark !== undefined; mark = this.#marks[0]) {
      if (!isFlushed(mark.written, flushed)) return;
      if (mark.horizon > this.horizon) this.horizon = mark.horizon;
      if (mark.drawn > this.drawn) this.drawn = mark.drawn;
      this.#marks.shift();
    }
  }
}
