import type { CopyProgress, SourceEvent } from '@certyo-cdc/core';

/** Between two reports of a table. */
const REPORT_MS = 1_000;

interface Entry {
  readonly id: string;
  readonly table: string;
  estimate: number | null;
  readonly startedAtMs: number;
  readonly rowsBefore: number;
  rows: number;
  reportedAtMs: number;
}

/** Keeps count of the rows that are copied, and tells how long the rest will take. */
export class CopyProgressReport {
  readonly #entries = new Map<string, Entry>();
  readonly #onEvent: (event: SourceEvent) => void;
  readonly #now: () => number;

  constructor(onEvent: (event: SourceEvent) => void, now: () => number = Date.now) {
    this.#onEvent = onEvent;
    this.#now = now;
  }

  /** What is being copied. */
  get current(): readonly CopyProgress[] {
    return [...this.#entries.values()].map((entry) => this.#progressOf(entry));
  }

  /** Rows of a table were handed over; `before` of them by an earlier life. */
  copied(
    copy: { readonly id: string; readonly table: string; readonly estimate: number | null },
    rows: number,
    before = 0,
  ): void {
    const nowMs = this.#now();
    const name = `${copy.id} ${copy.table}`;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = {
        ...copy,
        startedAtMs: nowMs,
        rowsBefore: before,
        rows: before,
        reportedAtMs: nowMs,
      };
      this.#entries.set(name, entry);
      this.#onEvent({ type: 'copy-started', ...this.#progressOf(entry) });
    }
    entry.rows += rows;
    if (nowMs - entry.reportedAtMs < REPORT_MS) return;
    entry.reportedAtMs = nowMs;
    this.#onEvent({ type: 'copy-progressed', ...this.#progressOf(entry) });
  }

  finished(copy: { readonly id: string; readonly table: string }): void {
    const name = `${copy.id} ${copy.table}`;
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    if (entry === undefined) return;
    entry.estimate = entry.rows;
    this.#onEvent({ type: 'copy-finished', ...this.#progressOf(entry) });
  }

  /** A copy is given up. */
  dropped(id: string): void {
    for (const [name, entry] of this.#entries) if (entry.id === id) this.#entries.delete(name);
  }

  #progressOf(entry: Entry): CopyProgress {
    const { id, table, estimate, rows } = entry;
    const seconds = (this.#now() - entry.startedAtMs) / 1_000;
    const done = rows - entry.rowsBefore;
    const ratePerSecond = seconds > 0 && done > 0 ? Math.round(done / seconds) : null;
    const left = estimate === null ? null : Math.max(0, estimate - rows);
    const secondsLeft =
      left === null || ratePerSecond === null || ratePerSecond === 0
        ? null
        : Math.round(left / ratePerSecond);
    return { copy: id, table, rows, estimate, ratePerSecond, secondsLeft };
  }
}
