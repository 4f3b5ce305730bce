import type { SourceEvent } from '@certyo-cdc/core';
import { quoteLiteral, type SqlExecutor } from '@certyo-cdc/postgres';

/**
 * Who holds the oldest running transaction id: its lock is visible to every role, where pg_stat_activity hides the ids of
 * others. A prepared transaction has no process. $1 the id, of which a lock shows the lower 32 bits.
 */
const HOLDER_SQL = `
SELECT l.pid::text AS pid, p.gid, coalesce(p.database, a.datname)::text AS database,
  pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(p.prepared, a.xact_start)))::text AS seconds
FROM pg_catalog.pg_locks l
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.transactionid
WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
  AND l.transactionid = ($1::int8 % 4294967296)::text::pg_catalog.xid
LIMIT 1`;

export interface HorizonWatchOptions {
  readonly session: SqlExecutor;
  /** Standing time after which it warns, and between two warnings; false never. */
  readonly warningMs: number | false;
  readonly onEvent: (event: SourceEvent) => void;
  readonly now: () => number;
}

/** Warns when the horizon stands still (P-10): one idle transaction, in any database of the cluster, holds everybody up. */
export class HorizonWatch {
  readonly #options: HorizonWatchOptions;
  #horizon = -1n;
  #sinceMs = 0;
  #warnedAtMs = 0;

  constructor(options: HorizonWatchOptions) {
    this.#options = options;
  }

  /** @param header What the newest page told: where the horizon is, and that there are transactions above. */
  async look(
    header: { readonly horizon: bigint; readonly above: bigint },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    const { now, onEvent, session, warningMs } = this.#options;
    const nowMs = now();
    if (header.horizon !== this.#horizon || header.above <= header.horizon) {
      this.#horizon = header.horizon;
      this.#sinceMs = nowMs;
      this.#warnedAtMs = 0;
      return;
    }
    if (warningMs === false || nowMs - this.#sinceMs < warningMs) return;
    if (this.#warnedAtMs !== 0 && nowMs - this.#warnedAtMs < warningMs) return;
    this.#warnedAtMs = nowMs;
    const { rows } = await session.query<{
      readonly pid: string | null;
      readonly gid: string | null;
      readonly database: string | null;
      readonly seconds: string | null;
    }>(HOLDER_SQL, [String(header.horizon)], { signal });
    const holder = rows[0];
    const seconds = Math.round((nowMs - this.#sinceMs) / 1000);
    const who =
      holder === undefined
        ? `transaction ${header.horizon}`
        : holder.gid === null
          ? `the server process ${holder.pid ?? '?'}`
          : `the prepared transaction ${quoteLiteral(holder.gid)}`;
    const where = holder?.database == null ? '' : ` in the database "${holder.database}"`;
    const remedy =
      holder?.gid == null
        ? holder?.pid == null
          ? ''
          : `; end it, if it is idle: SELECT pg_terminate_backend(${holder.pid});`
        : `; decide it: COMMIT PREPARED ${quoteLiteral(holder.gid)}; or ROLLBACK PREPARED ${quoteLiteral(holder.gid)};`;
    onEvent({
      type: 'source-warned',
      code: 'HORIZON_STANDS',
      message: `Nothing new has been handed over for ${seconds} s, because ${who}${where} has a transaction open that may still write${remedy}`,
    });
  }
}
