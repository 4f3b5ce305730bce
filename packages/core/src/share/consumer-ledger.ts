import type { Position } from '../checkpoint/checkpoint.ts';

/** Where each declared consumer stands, and which were detached. */
export class ConsumerLedger {
  readonly #acknowledged: Map<string, Position | null>;
  #detached: Map<string, Position>;

  constructor(names: readonly string[]) {
    this.#acknowledged = new Map(names.map((name) => [name, null]));
    this.#detached = new Map();
  }

  /** Begins with what is stored: nobody has acknowledged more than everybody has. */
  begin(detached: Readonly<Record<string, Position>>): void {
    for (const name of this.#acknowledged.keys()) this.#acknowledged.set(name, null);
    this.#detached = new Map(
      Object.entries(detached).filter(([name]) => this.#acknowledged.has(name)),
    );
  }

  get names(): readonly string[] {
    return [...this.#acknowledged.keys()];
  }

  /** What a consumer is known to have acknowledged; null means no more than what all have. */
  of(name: string): Position | null {
    return this.#acknowledged.get(name) ?? null;
  }

  /** @param end Null: no more than what all have. */
  acknowledge(name: string, end: Position | null): void {
    this.#acknowledged.set(name, end);
  }

  /** Notes that a consumer has acknowledged this at least. */
  raise(name: string, end: Position, compare: (a: Position, b: Position) => number): void {
    const known = this.of(name);
    if (known === null || compare(end, known) > 0) this.acknowledge(name, end);
  }

  /** Nothing is kept for this consumer any longer; it stood at `end`. */
  detach(name: string, end: Position): void {
    this.#detached.set(name, end);
  }

  attach(name: string): void {
    this.#detached.delete(name);
  }

  /** Where a detached consumer stood; null for one that is not detached. */
  detachedAt(name: string): Position | null {
    return this.#detached.get(name) ?? null;
  }

  get detached(): Readonly<Record<string, Position>> {
    return Object.fromEntries(this.#detached);
  }

  /**
   * What all have acknowledged that anything is kept for; null when one of them has acknowledged nothing.
   *
   * @param standing What counts of it.
   */
  lowest(
    compare: (a: Position, b: Position) => number,
    standing: (name: string) => Position | null,
  ): Position | null {
    let lowest: Position | null = null;
    for (const name of this.#acknowledged.keys()) {
      if (this.#detached.has(name)) continue;
      const end = standing(name);
      if (end === null) return null;
      if (lowest === null || compare(end, lowest) < 0) lowest = end;
    }
    return lowest;
  }

  /** What the one that is furthest has acknowledged, or null. */
  furthest(compare: (a: Position, b: Position) => number): Position | null {
    let best: Position | null = null;
    for (const end of this.#acknowledged.values()) {
      if (end !== null && (best === null || compare(end, best) > 0)) best = end;
    }
    return best;
  }
}
