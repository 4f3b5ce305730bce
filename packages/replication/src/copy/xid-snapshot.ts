/** `xmin:xmax:xip,…` as PostgreSQL writes a snapshot; transaction ids have 64 bits in it. */
export class XidSnapshot {
  readonly #xmin: bigint;
  readonly #xmax: bigint;
  readonly #running: ReadonlySet<bigint>;

  constructor(text: string) {
    const [xmin = '', xmax = '', running = ''] = text.split(':');
    this.#xmin = BigInt(xmin);
    this.#xmax = BigInt(xmax);
    this.#running = new Set(running === '' ? [] : running.split(',').map(BigInt));
  }

  /** The id, with 32 bits, of the oldest transaction that may not have ended. */
  get oldest(): string {
    return String(BigInt.asUintN(32, this.#xmin));
  }

  /**
   * Whether a transaction had ended when the snapshot was taken. Its id has 32 bits, as the log has it, and is taken for the
   * one nearest to the snapshot: ids wrap around, and no two that are in use are further apart than half of them.
   */
  hasEnded(xid: number): boolean {
    const distance = (xid - Number(BigInt.asUintN(32, this.#xmax))) | 0;
    const whole = this.#xmax + BigInt(distance);
    if (whole < this.#xmin) return true;
    return whole < this.#xmax && !this.#running.has(whole);
  }
}

/** Transactions of this database that have an id and have not ended, prepared ones among them. */
export const RUNNING_XIDS_SQL: string = `
  SELECT a.backend_xid::text AS xid FROM pg_catalog.pg_stat_activity a
   WHERE a.backend_xid IS NOT NULL AND a.datname = pg_catalog.current_database()
  UNION ALL
  SELECT p.transaction::text FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()`;

/** The newest snapshot of the server. */
export const SNAPSHOT_SQL = 'SELECT pg_catalog.txid_current_snapshot()::text AS snapshot';
