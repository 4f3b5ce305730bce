interface Span {
  first: bigint;
  last: bigint;
  /** More rows of it may lie behind what was read. */
  isOpen: boolean;
}

/** A row by its number and its transaction. */
export interface NumberedRow {
  readonly sequence: bigint;
  readonly xid: bigint | null;
}

/**
 * Finds where in a log a transaction ended and none straddles: the rows of one lie between those of others.
 *
 * Transactions that keep interleaving have no such place; then one is made, after as many rows as the limit says. A
 * transaction by itself is not cut.
 */
export class TransactionEnds {
  readonly #maxOpenRows: number;
  readonly #spans = new Map<bigint, Span>();
  #end: bigint;
  #openRows = 0;

  constructor(after: bigint, maxOpenRows: number) {
    this.#end = after;
    this.#maxOpenRows = maxOpenRows;
  }

  /**
   * @param given Rows that are handed over now, in order.
   * @param behind Rows that were seen behind them.
   * @param isFull Whether there may be further rows behind all of these.
   * @param through Everything up to here is handed over.
   * @returns The newest end up to `through`, or null where there is none since the last one.
   */
  advance(
    given: readonly NumberedRow[],
    behind: readonly NumberedRow[],
    isFull: boolean,
    through: bigint,
  ): bigint | null {
    for (const span of this.#spans.values()) span.isOpen = false;
    for (const row of given) this.#add(row);
    this.#openRows += given.length;
    for (const { xid, sequence } of behind) {
      const span = xid === null ? undefined : this.#spans.get(xid);
      if (span !== undefined) span.last = sequence;
    }
    const lastXid = (behind.at(-1) ?? given.at(-1))?.xid ?? null;
    const lastSpan = lastXid === null ? undefined : this.#spans.get(lastXid);
    if (isFull && lastSpan !== undefined) lastSpan.isOpen = true;
    const end = this.#endUpTo(through);
    if (end <= this.#end) return null;
    this.#end = end;
    for (const [xid, span] of this.#spans) if (span.first <= end) this.#spans.delete(xid);
    this.#openRows = given.filter((row) => row.sequence > end).length;
    return end;
  }

  #add({ xid, sequence }: NumberedRow): void {
    if (xid === null) return;
    const span = this.#spans.get(xid);
    if (span === undefined)
      this.#spans.set(xid, { first: sequence, last: sequence, isOpen: false });
    else if (sequence > span.last) span.last = sequence;
  }

  #endUpTo(through: bigint): bigint {
    let end = through;
    for (;;) {
      let cut: bigint | null = null;
      for (const span of this.#spans.values()) {
        if (span.first > end || !(span.isOpen || span.last > end)) continue;
        if (cut === null || span.first < cut) cut = span.first;
      }
      if (cut === null) return end;
      if (this.#openRows >= this.#maxOpenRows && this.#spans.size > 1) return through;
      end = cut - 1n;
    }
  }
}
