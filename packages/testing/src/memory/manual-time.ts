import type { PipelineTime } from '@certyo-cdc/core';

/** A clock that moves when a test says so. */
export interface ManualTime extends PipelineTime {
  /** Moves on, firing timers in order; promises get their turn after each. */
  advance(ms: number): Promise<void>;
  /** Timers that wait. */
  readonly pending: number;
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

class ManuallyMovedTime implements ManualTime {
  readonly #timers: Set<Timer> = new Set();
  #nowMs: number;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(callback: () => void, ms: number): () => void {
    const timer = { atMs: this.#nowMs + Math.max(ms, 0), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await turn();
    for (;;) {
      const due = this.#soonest();
      if (due === null || due.atMs > untilMs) break;
      this.#timers.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
      await turn();
    }
    this.#nowMs = untilMs;
    await turn();
  }

  #soonest(): Timer | null {
    let soonest: Timer | null = null;
    for (const timer of this.#timers) {
      if (soonest === null || timer.atMs < soonest.atMs) soonest = timer;
    }
    return soonest;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}

/** A clock for tests. @param nowMs Where it begins, milliseconds since 1970. */
export function manualTime(nowMs: number = Date.UTC(2026, 0, 1)): ManualTime {
  return new ManuallyMovedTime(nowMs);
}
