import type { JsonValue } from '@certyo-cdc/core';

/** `pg_current_snapshot()`, by which it is told what a copy has seen. */
export interface CopySnapshot {
  /** `xmin:xmax:xip,…` */
  readonly text: string;
  /** Numbers that were drawn when it was taken: greater ones are of changes that it has not seen. */
  readonly through: bigint;
}

/** Tells which changes a copy has seen already: those of transactions that had ended when its snapshot was taken. */
export class CopyFilter {
  readonly snapshot: CopySnapshot;
  readonly #xmin: bigint;
  readonly #xmax: bigint;
  readonly #running: ReadonlySet<string>;

  constructor(snapshot: CopySnapshot) {
    const [xmin = '0', xmax = '0', running = ''] = snapshot.text.split(':');
    this.snapshot = snapshot;
    this.#xmin = BigInt(xmin);
    this.#xmax = BigInt(xmax);
    this.#running = new Set(running.split(','));
  }

  hasSeen(change: { readonly sequence: bigint; readonly xid: string | null }): boolean {
    if (change.xid === null || change.sequence > this.snapshot.through) return false;
    const xid = BigInt(change.xid);
    if (xid < this.#xmin) return true;
    return xid < this.#xmax && !this.#running.has(change.xid);
  }

  /** For a checkpoint of a copy that is not whole. */
  asJson(): JsonValue {
    return { text: this.snapshot.text, through: this.snapshot.through.toString() };
  }

  /** For a checkpoint at `end`; null where every later change is one that the copy has not seen. */
  toJSON(end: bigint): JsonValue {
    return end >= this.snapshot.through ? null : this.asJson();
  }
}

/** Reads what `toJSON` gave; null for anything else. */
export function copyFilterFromJson(value: unknown): CopyFilter | null {
  const stored = value as { readonly text?: unknown; readonly through?: unknown } | null;
  if (typeof stored?.text !== 'string' || typeof stored.through !== 'string') return null;
  return new CopyFilter({ text: stored.text, through: BigInt(stored.through) });
}
