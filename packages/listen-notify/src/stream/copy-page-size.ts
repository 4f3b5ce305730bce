const MOST_BLOCKS = 1_024;
const FIRST_ROWS = 64;

/** Decides how much of a table the next page looks at, so that the server, too, prepares little more than a page. */
export class PageSize {
  readonly #maxRows: number;
  readonly #maxBytes: number;
  #blocks = 4;
  #rows: number;

  constructor(limits: { readonly maxRows: number; readonly maxBytes: number }) {
    this.#maxRows = limits.maxRows;
    this.#maxBytes = limits.maxBytes;
    this.#rows = Math.min(FIRST_ROWS, limits.maxRows);
  }

  get blocks(): number {
    return this.#blocks;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Takes in what a page gave; `isDone` when it reached the last of its blocks. */
  saw(page: { readonly rows: number; readonly bytes: number; readonly isDone: boolean }): void {
    if (page.isDone && page.rows * 2 < this.#maxRows) {
      this.#blocks = Math.min(this.#blocks * 2, MOST_BLOCKS);
    }
    if (page.rows === 0) return;
    const fitting = Math.ceil((2 * this.#maxBytes * page.rows) / Math.max(page.bytes, 1));
    this.#rows = Math.max(1, Math.min(this.#maxRows, fitting));
  }
}
