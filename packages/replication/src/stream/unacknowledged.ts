import type { Lsn } from '../protocol/lsn.ts';
import type { KnownRelations } from './known-relation.ts';

interface YieldedEnd {
  readonly end: Lsn;
  readonly known: KnownRelations;
  /** From where reading shows all that is needed to go on behind it. */
  readonly readFrom: Lsn;
  /** When the oldest change since the end before was committed, milliseconds since 1970; null when there was none. */
  readonly oldestMs: number | null;
}

/** The ends that have been handed over and not acknowledged, with what was known at each. */
export class Unacknowledged {
  #ends: YieldedEnd[] = [];
  #oldestMs: number | null = null;

  /** Notes the commit time of a change that has been handed over. */
  saw(committedAtMs: number): void {
    this.#oldestMs ??= committedAtMs;
  }

  yielded(end: Lsn, known: KnownRelations, readFrom: Lsn): void {
    if (this.#oldestMs === null && this.#ends.at(-1)?.end === end) return;
    this.#ends.push({ end, known, readFrom, oldestMs: this.#oldestMs });
    this.#oldestMs = null;
  }

  /** What was true at an end that has been handed over, or null when it was not, or was acknowledged before. */
  at(end: Lsn): { readonly known: KnownRelations; readonly readFrom: Lsn } | null {
    return this.#ends.find((entry) => entry.end === end) ?? null;
  }

  acknowledged(end: Lsn): void {
    const keep = this.#ends.findIndex((entry) => entry.end >= end);
    // The acknowledged end itself stays: its checkpoint may be asked for again.
    this.#ends = keep < 0 ? [] : this.#ends.slice(keep);
    const first = this.#ends[0];
    if (first !== undefined && first.end === end) this.#ends[0] = { ...first, oldestMs: null };
  }

  /** Forgets the ends before one, though they are not acknowledged: only how old their changes are is kept. */
  forget(end: Lsn): void {
    const keep = this.#ends.findIndex((entry) => entry.end >= end);
    if (keep <= 0) return;
    const oldest = this.#ends.find((entry) => entry.oldestMs !== null)?.oldestMs ?? null;
    const [first, ...rest] = this.#ends.slice(keep);
    if (first !== undefined)
      this.#ends = [{ ...first, oldestMs: oldest ?? first.oldestMs }, ...rest];
  }

  /** Commit time of the oldest change that is not acknowledged, or null. */
  get oldestMs(): number | null {
    return this.#ends.find((entry) => entry.oldestMs !== null)?.oldestMs ?? this.#oldestMs;
  }
}
