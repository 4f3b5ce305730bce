/**
 * Pauses after which a stream that was told to look is told again, milliseconds: polling by xid shows a row only when every older
 * transaction has ended too, which is mostly a matter of milliseconds. What takes longer is found at the stream's own interval.
 */
const ECHOES_MS: readonly number[] = [20, 60, 180, 540, 1_620];

/** Has a stream look now, and some more times within the next seconds. */
export class Looks {
  readonly #nudge: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(nudge: () => void) {
    this.#nudge = nudge;
  }

  /** Something was heard. The echoes begin anew. */
  now(): void {
    if (this.#isClosed) return;
    this.#nudge();
    this.#echo(0);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #echo(index: number): void {
    clearTimeout(this.#timer);
    const afterMs = ECHOES_MS[index];
    if (afterMs === undefined) return;
    this.#timer = setTimeout(() => {
      this.#nudge();
      this.#echo(index + 1);
    }, afterMs);
  }
}
