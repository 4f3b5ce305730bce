import type { BeginOptions, SentBefore } from '../sink/sink.ts';
import type { ReceiptCallOptions, ReceiptStore, SendMark } from './receipt-store.ts';

/** How far ahead a mark is stored. */
const LEAD_MS = 60_000;
/** So far at most, where marks would follow each other faster than `BUSY_MS`. */
const LONGEST_LEAD_MS = 3_600_000;
const BUSY_MS = 30_000;
/** The mark of a life that has only sent what has no commit time; it sorts before every time. */
const NO_TIME = '0001-01-01T00:00:00.000000Z';
const LAST_MS = Date.UTC(9999, 11, 31);

type Now = () => number;

/**
 * Knows what may have been sent, and since when: by marks that are stored ahead of sending. What lies above all marks was
 * never sent; what lies below one has been so at the earliest since the first mark above it.
 */
export class SendHistory {
  readonly #store: ReceiptStore;
  readonly #pipeline: string;
  readonly #now: Now;
  readonly #earlier: readonly SendMark[];
  /** The newest mark, also of this life. */
  #upTo: string;
  /** False until this life, or one before, has stored any. */
  #isMarked: boolean;
  #leadMs = LEAD_MS;
  #markedAtMs = -Infinity;
  #marking: Promise<void> | null = null;

  private constructor(store: ReceiptStore, pipeline: string, marks: readonly SendMark[], now: Now) {
    this.#store = store;
    this.#pipeline = pipeline;
    this.#now = now;
    this.#earlier = firstAbove(marks);
    this.#upTo = this.#earlier.at(-1)?.upTo ?? NO_TIME;
    this.#isMarked = marks.length > 0;
  }

  /** A pipeline that has run before receipts were kept may have sent whatever was committed until now. */
  static async load(
    store: ReceiptStore,
    { isNew, pipeline, signal }: BeginOptions,
    now: Now = () => Date.now(),
  ): Promise<SendHistory> {
    const marks = [...(await store.sendMarks(pipeline, { signal }))];
    if (marks.length === 0 && !isNew) {
      const upTo = toText(now() + LONGEST_LEAD_MS);
      marks.push(await store.addSendMark(pipeline, upTo, { isOfUnknownAge: true, signal }));
    }
    return new SendHistory(store, pipeline, marks, now);
  }

  /** What lives before this one may have sent. */
  get sentBefore(): SentBefore {
    const marks = this.#earlier;
    return {
      sentSince: (committedAt) => {
        const time = comparable(committedAt);
        const mark = marks[time === null ? 0 : indexAbove(marks, time)];
        if (mark === undefined) return null;
        return mark.sinceMs === -Infinity && time !== null ? Date.parse(time) : mark.sinceMs;
      },
    };
  }

  /** Resolves when a durable mark covers the times. Null at once where one does already. */
  cover(times: Iterable<string | null>, options: ReceiptCallOptions): Promise<void> | null {
    let newest = NO_TIME;
    for (const each of times) {
      const time = comparable(each);
      if (time !== null && time > newest) newest = time;
    }
    if (this.#isMarked && newest <= this.#upTo) return null;
    return this.#coverUpTo(newest, options);
  }

  async #coverUpTo(time: string, options: ReceiptCallOptions): Promise<void> {
    // Requests go side by side: one mark at a time, which mostly covers the others too.
    while (!this.#isMarked || time > this.#upTo) {
      if (this.#marking !== null) {
        await this.#marking.catch(() => {});
        continue;
      }
      this.#marking = this.#mark(time, options);
      try {
        await this.#marking;
      } finally {
        this.#marking = null;
      }
    }
  }

  async #mark(time: string, options: ReceiptCallOptions): Promise<void> {
    const nowMs = this.#now();
    const isBusy = nowMs - this.#markedAtMs < BUSY_MS;
    this.#leadMs = isBusy ? Math.min(this.#leadMs * 2, LONGEST_LEAD_MS) : LEAD_MS;
    const { upTo } = await this.#store.addSendMark(
      this.#pipeline,
      ahead(time, this.#leadMs),
      options,
    );
    this.#markedAtMs = nowMs;
    this.#isMarked = true;
    if (upTo > this.#upTo) this.#upTo = upTo;
  }
}

/** The marks in order, without those below which another one, no younger, reaches as far. */
function firstAbove(marks: readonly SendMark[]): readonly SendMark[] {
  const sorted = marks.toSorted((one, other) => (one.upTo < other.upTo ? -1 : 1));
  const kept: SendMark[] = [];
  let oldestMs = Infinity;
  // From above: what a later mark covers since longer, the earlier ones cover since then too.
  for (const mark of sorted.toReversed()) {
    oldestMs = Math.min(oldestMs, mark.sinceMs);
    kept.push({ upTo: mark.upTo, sinceMs: oldestMs });
  }
  return kept.toReversed();
}

/** Where the first mark that covers a time stands; behind the last one where none does. */
function indexAbove(marks: readonly SendMark[], time: string): number {
  let low = 0;
  let high = marks.length;
  // Mostly the time lies above all marks.
  let middle = high - 1;
  while (low < high) {
    if ((marks[middle]?.upTo ?? '') >= time) high = middle;
    else low = middle + 1;
    middle = Math.floor((low + high) / 2);
  }
  return low;
}

/** A commit time that sorts as text, or null: stamps of applications may lie before Christ or be infinite. */
function comparable(committedAt: string | null): string | null {
  if (committedAt === null || committedAt.charAt(4) !== '-' || !committedAt.endsWith('Z')) {
    return null;
  }
  if (committedAt.length === NO_TIME.length) return committedAt;
  // Milliseconds only.
  return committedAt.length === NO_TIME.length - 3 ? `${committedAt.slice(0, -1)}000Z` : null;
}

function ahead(time: string, leadMs: number): string {
  if (time === NO_TIME) return time;
  const reached = Math.min(Date.parse(time) + leadMs, LAST_MS);
  const upTo = toText(reached);
  return upTo > time ? upTo : time;
}

function toText(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
