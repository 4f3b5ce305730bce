/** Numbers in one block: some two hundred rows of nine columns. */
const BLOCK = 4_096;

/**
 * Where the spans of tuples are put, one tuple behind the other: an array for each of them would cost more than reading it.
 *
 * What has been given away is never written again; a block lives as long as a row in it.
 */
export class SpanBlocks {
  /** The block that the newest place is in. */
  spans: Int32Array = new Int32Array(0);
  #used = 0;

  /** Gives where `length` numbers, all of them 0, begin in `spans`. */
  take(length: number): number {
    if (this.#used + length > this.spans.length) {
      this.spans = new Int32Array(Math.max(BLOCK, length));
      this.#used = 0;
    }
    const first = this.#used;
    this.#used += length;
    return first;
  }
}
