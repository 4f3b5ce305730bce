import type { Lsn } from '../protocol/lsn.ts';

/** Log that may pass without a change of ours before the progress is handed on. */
const IDLE_BYTES = 262_144n;
/** Progress of at least this much is handed on after a while, too; saving a checkpoint writes less. */
const IDLE_MIN_BYTES = 16_384n;
const IDLE_AFTER_MS = 30_000;

/**
 * Decides when progress without changes is worth an `end`.
 *
 * Without it the slot would hold back the log while other tables or databases are written. With an `end` for
 * every keepalive the checkpoint that is saved for it would itself be the next progress, for ever (I10).
 */
export class IdleProgress {
  #lastEnd: Lsn;
  #lastEndAtMs: number;

  constructor(position: Lsn, nowMs: number) {
    this.#lastEnd = position;
    this.#lastEndAtMs = nowMs;
  }

  /**
   * @param readTo How far the server's log has been read, outside of a transaction.
   * @param end The end that is handed over anyway, or null.
   * @returns The idle end to hand over instead, or null.
   */
  at(readTo: Lsn, end: Lsn | null, nowMs: number): Lsn | null {
    const progress = readTo - this.#lastEnd;
    const isWorth =
      progress >= IDLE_BYTES ||
      (progress >= IDLE_MIN_BYTES && nowMs - this.#lastEndAtMs >= IDLE_AFTER_MS);
    if (end !== null || isWorth) {
      const newest = end === null || isWorth ? readTo : end;
      this.#lastEnd = newest;
      this.#lastEndAtMs = nowMs;
      return newest;
    }
    return null;
  }
}
