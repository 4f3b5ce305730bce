/**
 * Decides how long to wait before the next look: the shortest time while rows come, doubling while none do.
 */
export class Pace {
  readonly #bounds: { readonly min: number; readonly max: number };
  #nextMs: number;

  constructor(bounds: { readonly min: number; readonly max: number }) {
    this.#bounds = bounds;
    this.#nextMs = bounds.min;
  }

  /** @param foundRows Whether the round gave anything. */
  after(foundRows: boolean): number {
    const { min, max } = this.#bounds;
    if (foundRows) this.#nextMs = min;
    const waitMs = this.#nextMs;
    if (!foundRows) this.#nextMs = Math.min(max, this.#nextMs * 2);
    return waitMs;
  }
}
