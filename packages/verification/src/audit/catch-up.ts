import { type PipelineTime, SourceSetupError } from '@certyo-cdc/core';
import { sleep } from '@certyo-cdc/core/internal';
import { type SqlSession, WRITTEN_LSN_SQL } from '@certyo-cdc/postgres';

/** How it is known that everything that was committed has its receipt. */
export type CatchUp =
  /** A pipeline of this process. */
  | { caughtUp(options?: { readonly signal?: AbortSignal | undefined }): Promise<void> }
  /** The replication slot that a pipeline reads. */
  | {
      /** Its name. */
      readonly slot: string;
      /**
       * How long the slot may stand still before the audit gives up, milliseconds; `false` for ever. It stands still for as long as
       * one large transaction is delivered.
       *
       * @default 600_000
       */
      readonly stallMs?: number | false | undefined;
    }
  /** Long enough for a pipeline to deliver what was committed; no more than a guess. */
  | { readonly waitMs: number };

/** What a report says of it. */
export type SettledBy = 'pipeline' | 'slot' | 'time';

const POLL_MS = 100;
/** An idle slot moves every half minute. */
export const DEFAULT_STALL_MS = 600_000;

export function settledBy(catchUp: CatchUp): SettledBy {
  if ('caughtUp' in catchUp) return 'pipeline';
  return 'slot' in catchUp ? 'slot' : 'time';
}

/** Resolves when everything that was visible before the call has its receipt, if it gets one at all. */
export async function waitForReceipts(
  catchUp: CatchUp,
  session: SqlSession,
  { signal, time }: { readonly signal: AbortSignal; readonly time: PipelineTime },
): Promise<void> {
  if ('caughtUp' in catchUp) {
    await catchUp.caughtUp({ signal });
  } else if ('slot' in catchUp) {
    await waitForSlot(catchUp, session, { signal, time });
  } else if (catchUp.waitMs > 0) {
    await sleep(time, catchUp.waitMs, signal);
  }
}

/** A pipeline confirms to its slot only what has its receipts (I1). */
async function waitForSlot(
  { slot, stallMs = DEFAULT_STALL_MS }: Extract<CatchUp, { readonly slot: string }>,
  session: SqlSession,
  { signal, time }: { readonly signal: AbortSignal; readonly time: PipelineTime },
): Promise<void> {
  // The end of the log lies behind a page's header at times, where nothing is ever confirmed: a record of its own ends it.
  const { rows } = await session.query<{ readonly written: string | null }>(
    `SELECT ${WRITTEN_LSN_SQL} AS written, pg_catalog.txid_current()`,
    [],
    { signal },
  );
  const written = BigInt(rows[0]?.written ?? '0');
  let reached: string | null = null;
  let movedAtMs = time.now();
  for (;;) {
    const { rows: found } = await session.query<{
      readonly confirmed: string | null;
      readonly active: string;
    }>(
      `SELECT pg_catalog.pg_wal_lsn_diff(confirmed_flush_lsn, '0/0')::text AS confirmed, active::text AS active
  FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND database = pg_catalog.current_database()`,
      [slot],
      { signal },
    );
    const [row] = found;
    if (row === undefined) {
      throw new SourceSetupError(
        `There is no logical replication slot "${slot}" in this database.`,
        {
          remedy: 'Name the slot of the pipeline in `catchUp`.',
        },
      );
    }
    if (row.confirmed !== null && BigInt(row.confirmed) >= written) return;
    if (row.confirmed !== reached) {
      reached = row.confirmed;
      movedAtMs = time.now();
    } else if (stallMs !== false && time.now() - movedAtMs >= stallMs) {
      throw stalled(slot, stallMs, row.active === 'true');
    }
    await sleep(time, POLL_MS, signal);
  }
}

function stalled(slot: string, stallMs: number, isActive: boolean): SourceSetupError {
  const by = isActive ? 'and is in use' : 'and nobody reads it';
  return new SourceSetupError(
    `The replication slot "${slot}" has stood still for ${String(stallMs)} ms ${by}: what was committed may have no receipt yet.`,
    {
      remedy: isActive
        ? 'See why the pipeline delivers nothing (its `status()` and events), or give `catchUp.stallMs` a greater number.'
        : 'Start the pipeline that reads it, or audit with `catchUp: { waitMs: 0 }`.',
    },
  );
}
