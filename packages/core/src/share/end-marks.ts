import type { Position } from '../checkpoint/checkpoint.ts';
import type { ChangeBatch } from '../source/change-source.ts';

/** An end that the shared stream has given, with what was read up to it. */
export interface EndMark {
  readonly end: Position;
  readonly events: number;
  readonly bytes: number;
  /** When the oldest event since the mark before was read, and when it was committed; null when there was none. */
  readonly oldest: { readonly readAtMs: number; readonly committedAtMs: number } | null;
}

/** More marks than this are thinned out: it is enough to know roughly where somebody lags who is so far behind. */
const MOST_MARKS = 4_096;

const NONE = { events: 0, bytes: 0 } as const;

/** The ends of a stream since it was opened, oldest first. */
export class EndMarks {
  readonly #compare: (a: Position, b: Position) => number;
  #marks: EndMark[] = [];
  #events = 0;
  #bytes = 0;
  #oldest: EndMark['oldest'] = null;

  constructor(compare: (a: Position, b: Position) => number) {
    this.#compare = compare;
  }

  add(batch: ChangeBatch<object>, nowMs: number): void {
    this.#events += batch.events.length;
    this.#bytes += batch.bytes;
    const [first] = batch.events;
    if (this.#oldest === null && first !== undefined) {
      const committedAtMs = Date.parse(first.transaction?.committedAt ?? '');
      this.#oldest = {
        readAtMs: nowMs,
        committedAtMs: Number.isNaN(committedAtMs) ? nowMs : committedAtMs,
      };
    }
    if (batch.end === null) return;
    this.#marks.push({
      end: batch.end,
      events: this.#events,
      bytes: this.#bytes,
      oldest: this.#oldest,
    });
    this.#oldest = null;
    if (this.#marks.length > MOST_MARKS) this.#thin();
  }

  /** The newest one at or below a position. */
  upTo(position: Position): EndMark | null {
    return this.#marks[this.#countUpTo(position) - 1] ?? null;
  }

  /** What was read behind a position and ended; `oldest` also counts what has not ended yet. */
  behind(position: Position): Omit<EndMark, 'end'> {
    const count = this.#countUpTo(position);
    const from = this.#marks[count - 1] ?? NONE;
    const to = this.#marks.at(-1) ?? NONE;
    let oldest = this.#oldest;
    for (let index = count; index < this.#marks.length; index += 1) {
      const mark = this.#marks[index];
      if (mark === undefined || mark.oldest === null) continue;
      oldest = mark.oldest;
      break;
    }
    return {
      events: Math.max(to.events - from.events, 0),
      bytes: Math.max(to.bytes - from.bytes, 0),
      oldest,
    };
  }

  #countUpTo(position: Position): number {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const mark = this.#marks[middle];
      if (mark !== undefined && this.#compare(mark.end, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Joins every second mark with the one behind it; the newest ones stay. */
  #thin(): void {
    const kept = this.#marks.slice(-MOST_MARKS / 4);
    const old = this.#marks.slice(0, -MOST_MARKS / 4);
    this.#marks = old.flatMap((mark, index) => {
      if (index % 2 === 0 && index + 1 < old.length) return [];
      const before = index % 2 === 1 ? old[index - 1] : undefined;
      return [{ ...mark, oldest: before?.oldest ?? mark.oldest }];
    });
    this.#marks.push(...kept);
  }
}
