import type { LargeRowMessage, RowMessage } from './payload-message.ts';

interface Told {
  /** By place. */
  readonly rows: Map<string, RowMessage>;
  readonly replaced: Set<string>;
  /** The fence after which nothing more can come of it. */
  readonly fence: number;
  bytes: number;
}

/** Bytes of row versions that may wait; beyond that they are found by looking. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Collects what transactions tell until each has told all: of a row that one transaction writes several times only the last
 * version is one that anybody else ever sees.
 */
export class ToldTransactions {
  readonly #told = new Map<string, Told>();
  readonly #void = new Map<string, number>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#told.size === 0;
  }

  /** Transactions that are to be ignored, as long as they may still tell something. */
  get ignored(): number {
    return this.#void.size;
  }

  /** @param fence Number of the next fence to be sent. Returns false when there is no room. */
  add(message: RowMessage | LargeRowMessage, fence: number): boolean {
    if (this.#void.has(message.transaction)) return true;
    let told = this.#told.get(message.transaction);
    if (told === undefined) {
      told = { rows: new Map(), replaced: new Set(), fence, bytes: 0 };
      this.#told.set(message.transaction, told);
    }
    if (message.replaces !== null) told.replaced.add(message.replaces);
    if (message.kind === 'large') return true;
    const bytes = message.row.length * 2 + 500;
    if (this.#bytes + bytes > MOST_BYTES) {
      this.drop(message.transaction, fence);
      return false;
    }
    this.#bytes += bytes;
    told.bytes += bytes;
    told.rows.set(message.place, message);
    return true;
  }

  /** Forgets what a transaction has told, and ignores what it still tells. */
  drop(transaction: string, fence: number): void {
    this.#forget(transaction);
    this.#void.set(transaction, fence);
  }

  /** Forgets everything. What transactions that have told something still tell is ignored. */
  dropAll(fence: number): void {
    for (const transaction of this.#told.keys()) this.drop(transaction, fence);
  }

  /** The last versions of the rows that were told by transactions from before this fence, in the order of their commits. */
  settled(fence: number): readonly RowMessage[] {
    const last: RowMessage[] = [];
    for (const [transaction, told] of this.#told) {
      if (told.fence > fence) continue;
      for (const [place, row] of told.rows) if (!told.replaced.has(place)) last.push(row);
      this.#forget(transaction);
    }
    for (const [transaction, since] of this.#void) {
      if (since <= fence) this.#void.delete(transaction);
    }
    return last;
  }

  #forget(transaction: string): void {
    this.#bytes -= this.#told.get(transaction)?.bytes ?? 0;
    this.#told.delete(transaction);
  }
}
