import type { ChangeEvent } from '@certyo-cdc/core';
import type { XidSnapshot } from './xid-snapshot.ts';

/**
 * Transactions that were streamed and are not known to be visible: the log has a commit before others can see it.
 *
 * Bounded by what commits between two chunks: whatever the newest chunk shows need not be remembered, however far the stream
 * is behind.
 */
export class StreamedXids {
  readonly #unconfirmed = new Set<number>();
  #snapshot: XidSnapshot | null = null;
  #newest: string | null = null;

  get unconfirmed(): readonly number[] {
    return [...this.#unconfirmed];
  }

  add(xid: number): void {
    if (this.#snapshot?.hasEnded(xid) !== true) this.#unconfirmed.add(xid);
  }

  /** Takes note of what is handed over. */
  saw(events: readonly ChangeEvent[]): void {
    for (const { transaction } of events) {
      const xid = transaction?.xid ?? null;
      if (xid === null || xid === this.#newest) continue;
      this.#newest = xid;
      this.add(Number(xid));
    }
  }

  /** Forgets those that are visible. */
  confirm(snapshot: XidSnapshot): void {
    this.#snapshot = snapshot;
    for (const xid of this.#unconfirmed) {
      if (snapshot.hasEnded(xid)) this.#unconfirmed.delete(xid);
    }
    // One that is streamed again after a loss counts again.
    this.#newest = null;
  }

  /** The stream may go on at another server, where the same ids are other transactions. */
  interrupted(): void {
    this.#snapshot = null;
    this.#newest = null;
  }
}
