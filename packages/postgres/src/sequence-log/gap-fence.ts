/** A transaction that holds the lock under which numbers are drawn. */
export interface LockHolder {
  /** Its virtual transaction id. */
  readonly id: string;
  /** Its process; null for a prepared transaction. */
  readonly pid: number | null;
  /** Transaction ids that it is known to have; empty while it has none. */
  readonly xids: readonly string[];
}

interface KnownHolder extends LockHolder {
  /** It can only hold numbers above this one. */
  readonly above: bigint;
}

/**
 * Tells which numbers of a sequence are settled: their rows are visible to every later snapshot, or were rolled back.
 *
 * A number is drawn by an INSERT, which locks the table first and keeps the lock until its transaction ends; a
 * transaction is visible to new snapshots before its locks go. So a transaction that was not among the holders when they
 * were looked at has no open number at or below one that had been drawn before that look. Numbers up to the least that a
 * present holder may have are settled. Nothing else in the cluster holds this up: neither idle transactions nor other
 * databases (P-10).
 */
export class GapFence {
  #settled: bigint;
  /** What had been drawn before the last look. */
  #drawn: bigint;
  #holders = new Map<string, KnownHolder>();

  /** @param settled Every number up to here is settled. */
  constructor(settled: bigint) {
    this.#settled = settled;
    this.#drawn = settled;
  }

  /** In a snapshot taken from now on, a number up to this one is visible or will never be. */
  get settled(): bigint {
    return this.#settled;
  }

  /** Numbers up to this one were all seen. */
  pass(through: bigint): void {
    if (through > this.#settled) this.#settled = through;
    if (through > this.#drawn) this.#drawn = through;
  }

  /** Who was there at the last look. */
  get holders(): readonly LockHolder[] {
    return [...this.#holders.values()].map(({ id, pid, xids }) => ({ id, pid, xids }));
  }

  /**
   * Takes in a look at the holders.
   *
   * @param drawn A number that had been drawn, and was on disk, before the look.
   */
  observe(drawn: bigint, holders: readonly LockHolder[]): void {
    const known = new Map<string, KnownHolder>();
    for (const holder of holders) known.set(holder.id, { ...holder, above: this.#above(holder) });
    this.#holders = known;
    this.#drawn = drawn > this.#drawn ? drawn : this.#drawn;
    const settled = this.settledBy(drawn);
    if (settled > this.#settled) this.#settled = settled;
  }

  /** What the last look would settle, had it been told that `drawn` had been drawn before it. */
  settledBy(drawn: bigint): bigint {
    let settled = drawn;
    for (const { above } of this.#holders.values()) if (above < settled) settled = above;
    return settled;
  }

  #above(holder: LockHolder): bigint {
    const before = this.#holders.get(holder.id);
    if (before !== undefined) return before.above;
    if (holder.pid !== null) return this.#drawn;
    // A transaction changes its id when it is prepared, and again when the server is restarted.
    let above = this.#drawn;
    for (const other of this.#holders.values()) {
      const mayBe = other.xids.length === 0 || other.xids.some((xid) => holder.xids.includes(xid));
      if (mayBe && other.above < above) above = other.above;
    }
    return above;
  }
}
