/** How far a writer's clock may lie from the server's clock as we know it: how long a transaction may take and still be hinted. */
const WINDOW_MICROS = 60_000_000;

/** Payloads that are remembered. */
const MOST_REMEMBERED = 50_000;

/**
 * Tells a payload that comes a second time: whoever hears one can send it again, signed as it is. What is older than the window
 * counts as known; what is younger is remembered.
 */
export class ReplayGuard {
  readonly #seen = new Map<string, number>();
  #offsetMicros = 0;
  /** Everything up to here counts as known. */
  #floorMicros = 0;

  /** Sets the clock: the server's time, asked at this reading of our monotonic clock. */
  synchronise(serverMicros: number, monotonicMs: number): void {
    this.#offsetMicros = serverMicros - monotonicMs * 1_000;
  }

  /** True when this payload has not been seen and lies within the window; it is remembered then. */
  isNew(mac: string, writtenAtMicros: number, monotonicMs: number): boolean {
    const now = this.#offsetMicros + monotonicMs * 1_000;
    this.#forget(now - WINDOW_MICROS);
    if (writtenAtMicros <= Math.max(this.#floorMicros, now - WINDOW_MICROS)) return false;
    if (writtenAtMicros > now + WINDOW_MICROS || this.#seen.has(mac)) return false;
    this.#seen.set(mac, writtenAtMicros);
    return true;
  }

  #forget(beforeMicros: number): void {
    for (const [mac, writtenAtMicros] of this.#seen) {
      const isFull = this.#seen.size >= MOST_REMEMBERED;
      if (writtenAtMicros > beforeMicros && !isFull) return;
      this.#seen.delete(mac);
      this.#floorMicros = Math.max(this.#floorMicros, writtenAtMicros);
    }
  }
}
