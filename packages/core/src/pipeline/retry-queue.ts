import type { Group } from './bisect.ts';
import type { PipelineTime } from './time.ts';
import type { WorkItem } from './work-item.ts';

/** A group that is sent again at `dueAtMs`. */
export interface RetryGroup<Item> extends Group<WorkItem<Item>> {
  readonly dueAtMs: number;
  /** Whether the retry costs a token of the budget: its last request failed as a whole. */
  readonly isCharged: boolean;
}

/** Groups that wait for their next try, soonest first, behind one timer. */
export class RetryQueue<Item> {
  readonly #time: PipelineTime;
  readonly #onDue: () => void;
  /** Latest first, so that the soonest is popped. */
  readonly #groups: RetryGroup<Item>[] = [];
  #cancel: (() => void) | null = null;
  #timerAtMs = Infinity;

  constructor(time: PipelineTime, onDue: () => void) {
    this.#time = time;
    this.#onDue = onDue;
  }

  push(group: RetryGroup<Item>): void {
    let low = 0;
    let high = this.#groups.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#groups[middle]?.dueAtMs ?? 0) > group.dueAtMs) low = middle + 1;
      else high = middle;
    }
    this.#groups.splice(low, 0, group);
    this.#arm();
  }

  /** The soonest group when it is due, without taking it. */
  peek(nowMs: number): RetryGroup<Item> | null {
    const group = this.#groups.at(-1);
    return group !== undefined && group.dueAtMs <= nowMs ? group : null;
  }

  pop(): RetryGroup<Item> | null {
    const group = this.#groups.pop() ?? null;
    this.#arm();
    return group;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#groups.length = 0;
    this.#timerAtMs = Infinity;
  }

  #arm(): void {
    const dueAtMs = this.#groups.at(-1)?.dueAtMs ?? Infinity;
    if (dueAtMs === this.#timerAtMs) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#timerAtMs = dueAtMs;
    if (dueAtMs === Infinity) return;
    this.#cancel = this.#time.setTimeout(
      () => {
        this.#cancel = null;
        this.#timerAtMs = Infinity;
        // Timers may fire a moment before the clock says so.
        if (this.peek(this.#time.now()) === null) this.#arm();
        else this.#onDue();
      },
      Math.max(dueAtMs - this.#time.now(), 0),
    );
  }
}
