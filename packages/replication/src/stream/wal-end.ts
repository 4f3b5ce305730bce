import { SourceProtocolError } from '@certyo-cdc/core';
import { type Lsn, parseLsn } from '../protocol/lsn.ts';
import type { TextQuery } from './text-query.ts';

const WAL_SQL = `
  SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
              ELSE pg_catalog.pg_current_wal_flush_lsn() END::text AS flushed,
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
              ELSE pg_catalog.pg_current_wal_insert_lsn() END::text AS inserted`;

/** The WAL writer flushes asynchronous commits within three times wal_writer_delay (200 ms by default). */
const SETTLE_MS = 1_000;

/**
 * The end of the flushed log; only what is flushed is ever sent.
 *
 * With `settle`, waits until what was written before the call is flushed, so that a commit with
 * `synchronous_commit = off` is included.
 */
export async function walFlushedTo(
  query: TextQuery,
  options: {
    readonly settle?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<Lsn> {
  let { flushed, inserted } = await readWalEnds(query);
  if (options.settle !== true) return flushed;
  const written = inserted;
  const until = Date.now() + SETTLE_MS;
  while (flushed < written && Date.now() < until) {
    options.signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 10));
    ({ flushed, inserted } = await readWalEnds(query));
  }
  return flushed < written ? flushed : written;
}

const WRITER_DELAY_SQL = `
  SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = 'wal_writer_delay'`;

/**
 * Waits until every commit that was visible when the log ended at `written` is flushed, those with `synchronous_commit =
 * off` among them. Gives the position up to which the stream then has to be read.
 */
export async function commitsFlushedTo(
  query: TextQuery,
  written: Lsn,
  { signal }: { readonly signal: AbortSignal },
): Promise<Lsn> {
  let { flushed } = await readWalEnds(query);
  if (flushed >= written) return written;
  const delayMs = Number((await query(WRITER_DELAY_SQL))[0]?.['setting'] ?? 0);
  const until = Date.now() + Math.max(SETTLE_MS, 4 * delayMs);
  while (flushed < written && Date.now() < until) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 10));
    ({ flushed } = await readWalEnds(query));
  }
  // What is not flushed by now is no commit: the log of a transaction that goes on is written in whole pages.
  return flushed < written ? flushed : written;
}

// Its own walsender is visible to every role. The event's name changed its case in PostgreSQL 17.
const IDLE_SENDER_SQL = `
  SELECT r.sent_lsn::text AS sent
    FROM pg_catalog.pg_replication_slots s
    JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid
    JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
   WHERE s.slot_name = $1 AND pg_catalog.lower(a.wait_event) = 'walsenderwaitforwal'`;

/**
 * How far the server has sent, when it has nothing more to send; else null.
 *
 * The flushed log may end inside of a record: only whole pages are flushed for a transaction that goes on. The server
 * then waits before that record, for as long as nothing else is written.
 */
export async function idleSenderAt(query: TextQuery, slot: string): Promise<Lsn | null> {
  return parseLsn((await query(IDLE_SENDER_SQL, [slot]))[0]?.['sent'] ?? '');
}

async function readWalEnds(
  query: TextQuery,
): Promise<{ readonly flushed: Lsn; readonly inserted: Lsn }> {
  const row = (await query(WAL_SQL, []))[0];
  const flushed = parseLsn(row?.['flushed'] ?? '');
  const inserted = parseLsn(row?.['inserted'] ?? '');
  if (flushed === null || inserted === null) {
    throw new SourceProtocolError('The server gave no log position.');
  }
  return { flushed, inserted };
}
