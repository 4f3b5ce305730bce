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
