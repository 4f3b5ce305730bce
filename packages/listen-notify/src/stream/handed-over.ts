import type { CopyFilter } from './copy-filter.ts';
import type { KnownRelations } from './known-relation.ts';

/** What a checkpoint at an end needs. */
export interface EndState {
  readonly end: bigint;
  readonly epoch: number;
  readonly known: KnownRelations;
  /** What the first copy has seen, while it is not whole. */
  readonly copying?: CopyFilter | undefined;
}

/** The ends that have been handed over and not acknowledged, oldest first, with what was known at each. */
export class HandedOver {
  #ends: EndState[] = [];

  yielded(state: EndState): void {
    if (this.#ends.at(-1)?.end === state.end) this.#ends.pop();
    this.#ends.push(state);
  }

  /** What was known at an end, or null when it was not handed over, or was acknowledged before. */
  at(end: bigint): EndState | null {
    return this.#ends.find((state) => state.end === end) ?? null;
  }

  /** Forgets what lies before; the end itself stays, for its checkpoint may be asked for again. */
  acknowledged(end: bigint): void {
    const keep = this.#ends.findIndex((state) => state.end >= end);
    this.#ends = keep < 0 ? [] : this.#ends.slice(keep);
  }
}
