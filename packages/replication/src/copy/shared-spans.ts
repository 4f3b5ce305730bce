import type { RowBlock } from '@certyo-cdc/postgres';
import { readCopyRow } from './copy-rows.ts';

const ROWS_AT_FIRST = 1_024;

/** Reads the rows of one piece after the other; those of a piece share one array of spans, which costs less than one each. */
export class SharedSpans {
  readonly #columns: number;
  #spans: Int32Array;
  #used = 0;
  #rows = 0;

  constructor(columns: number) {
    this.#columns = columns;
    this.#spans = new Int32Array(columns * 2 * ROWS_AT_FIRST);
  }

  /** Reads the row that stands from `at` to `end`. */
  read(bytes: Buffer, at: number, end: number): void {
    const next = this.#used + this.#columns * 2;
    if (next > this.#spans.length) this.#grow();
    readCopyRow(bytes, at, end, this.#spans, this.#used, this.#columns);
    this.#used = next;
    this.#rows += 1;
  }

  /** The rows that were read since the last call, all of them from these bytes. */
  take(bytes: Buffer): RowBlock {
    const rows = this.#rows;
    const spans = this.#spans.slice(0, this.#used);
    this.#used = 0;
    this.#rows = 0;
    return { bytes, spans, columns: this.#columns, rows };
  }

  #grow(): void {
    const grown = new Int32Array(this.#spans.length * 2 + this.#columns * 2);
    grown.set(this.#spans);
    this.#spans = grown;
  }
}
