/** How long it took from acceptance to the anchor, milliseconds; null where nothing was anchored yet. */
export interface LatencySummary {
  readonly receipts: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly longestMs: number | null;
}

const KEPT = 10_000;

/** The latencies of the newest receipts. */
export class Latencies {
  readonly #ring = new Float64Array(KEPT);
  #count = 0;

  add(ms: number): void {
    this.#ring[this.#count % KEPT] = ms;
    this.#count += 1;
  }

  summary(): LatencySummary {
    const kept = this.#ring.slice(0, Math.min(this.#count, KEPT)).sort();
    const at = (share: number): number | null =>
      kept[Math.max(Math.ceil(kept.length * share) - 1, 0)] ?? null;
    return {
      receipts: this.#count,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
      longestMs: at(1),
    };
  }
}
