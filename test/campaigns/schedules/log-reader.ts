import { openSequenceLog, type SequenceLog, type SqlSession } from '@certyo-cdc/postgres';
import type { Observed } from './run-schedule.ts';
import type { WriteOperation } from './schedule.ts';

/** How a log is read: behind the gap fence, or in a way that is known to be wrong. */
export type LogReading = 'fenced' | 'sequence-after-cursor' | 'xid-below-horizon';

/** Reads the log of `LOG_SCHEMA_SQL`. */
export interface LogReader {
  read(): Promise<{ readonly rows: readonly Observed[]; readonly isDone: boolean }>;
  /** Dies, and goes on from the newest end. */
  restart(): void;
}

/** Opens a reader that gives what is written from now on. */
export async function openLogReader(
  session: SqlSession,
  reading: LogReading,
  maxRows: () => number,
): Promise<LogReader> {
  const { rows } = await session.query<{ readonly drawn: string; readonly horizon: string }>(
    `SELECT (SELECT last_value - (NOT is_called)::int FROM public.log_sequence)::text AS drawn,
       pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())::text AS horizon`,
    [],
    { signal },
  );
  const drawn = BigInt(rows[0]?.drawn ?? 0);
  if (reading === 'fenced') return fenced(session, drawn, maxRows);
  if (reading === 'sequence-after-cursor') return sequenceAfterCursor(session, drawn);
  return xidBelowHorizon(session, BigInt(rows[0]?.horizon ?? 0));
}

/** Reads until nothing is left, when all transactions are over. */
export async function readToEnd(reader: Pick<LogReader, 'read'>): Promise<readonly Observed[]> {
  const all: Observed[] = [];
  const deadline = Date.now() + FINISH_MS;
  for (;;) {
    const { rows, isDone } = await reader.read();
    all.push(...rows);
    if (isDone) return all;
    if (Date.now() > deadline) throw new Error('The log was not read to its end in time.');
  }
}

const FINISH_MS = 60_000;

const signal: AbortSignal = new AbortController().signal;

const COLUMNS = { key: 'key', version: 'version', operation: 'operation' };

interface LogRow {
  readonly key: string | null;
  readonly version: string | null;
  readonly operation: string | null;
}

function observed(id: string, row: LogRow): Observed {
  return {
    id,
    key: Number(row.key),
    version: Number(row.version),
    operation: (row.operation ?? '') as WriteOperation,
  };
}

function fenced(session: SqlSession, after: bigint, maxRows: () => number): LogReader {
  let end = after;
  const open = (): SequenceLog<keyof typeof COLUMNS> =>
    openSequenceLog({
      session,
      table: { schema: 'public', name: 'log' },
      select: COLUMNS,
      after: end,
      maxRows: maxRows(),
    });
  let log = open();
  return {
    async read() {
      const page = await log.read({ signal });
      end = page.endsAt ?? end;
      return {
        rows: page.rows.map((row) => observed(String(row.sequence), row.values)),
        isDone: !page.pending && !page.hasMore,
      };
    },
    restart() {
      log = open();
    },
  };
}

/** O-01: what is committed later under a smaller number is never seen. */
function sequenceAfterCursor(session: SqlSession, after: bigint): LogReader {
  let cursor = after;
  return {
    async read() {
      const { rows } = await session.query<LogRow & { readonly sequence: string }>(
        'SELECT * FROM public.log WHERE sequence > $1 ORDER BY sequence',
        [cursor],
        { signal },
      );
      cursor = BigInt(rows.at(-1)?.sequence ?? cursor);
      return { rows: rows.map((row) => observed(row.sequence, row)), isDone: true };
    },
    restart() {},
  };
}

/** O-02: complete, but changes of one row come in the order in which transactions began. */
function xidBelowHorizon(session: SqlSession, after: bigint): LogReader {
  let cursor = { xid: after, sequence: 0n };
  return {
    async read() {
      const { rows } = await session.query<
        LogRow & { readonly sequence: string; readonly xid: string }
      >(
        `SELECT * FROM public.log WHERE (xid, sequence) > ($1, $2)
            AND xid < pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())
          ORDER BY xid, sequence`,
        [cursor.xid, cursor.sequence],
        { signal },
      );
      const last = rows.at(-1);
      if (last !== undefined) cursor = { xid: BigInt(last.xid), sequence: BigInt(last.sequence) };
      return { rows: rows.map((row) => observed(row.sequence, row)), isDone: true };
    },
    restart() {},
  };
}
