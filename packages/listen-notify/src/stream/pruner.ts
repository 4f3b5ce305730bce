import { CdcError } from '@certyo-cdc/core';
import { SYSTEM_TIME } from '@certyo-cdc/core/internal';
import type { QualifiedName, SqlSession } from '@certyo-cdc/postgres';
import { pruneSql } from './sql.ts';

/** Rows that one statement deletes at most: it holds no locks that anybody waits for, but it makes WAL. */
const ROWS_AT_ONCE = 10_000;

interface PruneAnswer {
  readonly ok: string | null;
  readonly through: string | null;
  readonly rows: string;
}

/** Longest wait for the server at the end. */
const LAST_MS = 1_000;

export interface PrunerOptions {
  readonly session: SqlSession;
  readonly log: QualifiedName;
  /** True for the server while this reader may delete. */
  readonly guard: () => string;
  /** Least time between two deletions; false never deletes. */
  readonly intervalMs: number | false;
  /** What was deleted before. */
  readonly prunedThrough: bigint;
  readonly signal: AbortSignal;
  /** Hears of failures that waiting does not mend, for example a missing grant. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Deletes acknowledged rows from the log, behind the reader, in statements of their own: what is not deleted in time is
 * deleted later, and a failure here costs nothing but space.
 */
export class Pruner {
  readonly #options: PrunerOptions;
  #prunedThrough: bigint;
  #acknowledged: bigint;
  #cancelTimer: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: PrunerOptions) {
    this.#options = options;
    this.#prunedThrough = options.prunedThrough;
    this.#acknowledged = options.prunedThrough;
  }

  /** Everything up to there may be deleted. */
  acknowledge(sequence: bigint): void {
    if (sequence > this.#acknowledged) this.#acknowledged = sequence;
    this.#schedule();
  }

  /** Deletes what is left, as far as it goes, and stops. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    await this.#running;
    if (this.#options.intervalMs !== false && this.#isBehind()) {
      // The pipeline may have ended already: what was acknowledged is deleted all the same, if it goes quickly.
      await this.#deleteOnce(AbortSignal.timeout(LAST_MS)).catch(() => undefined);
    }
  }

  #isBehind(): boolean {
    return this.#acknowledged > this.#prunedThrough;
  }

  #schedule(): void {
    const { intervalMs } = this.#options;
    const isDue = intervalMs !== false && this.#isBehind();
    if (!isDue || this.#isClosed || this.#cancelTimer !== null || this.#running !== null) return;
    this.#cancelTimer = SYSTEM_TIME.setTimeout(() => {
      this.#cancelTimer = null;
      this.#running = this.#prune().finally(() => {
        this.#running = null;
        this.#schedule();
      });
    }, intervalMs);
  }

  async #prune(): Promise<void> {
    try {
      let deleted = ROWS_AT_ONCE;
      while (deleted === ROWS_AT_ONCE && !this.#isClosed) {
        deleted = await this.#deleteOnce(this.#options.signal);
      }
    } catch (error) {
      // A lost connection is made again for the next attempt.
      if (!this.#isClosed && !(CdcError.is(error) && error.retryable)) {
        this.#options.onFailure(error);
      }
    }
  }

  /** @returns The number of rows. */
  async #deleteOnce(signal: AbortSignal): Promise<number> {
    const { guard, log, session } = this.#options;
    const target = this.#acknowledged;
    const answer = await session.transaction(
      async (executor) => {
        // Whatever the role's default is.
        await executor.query('SET TRANSACTION READ WRITE', [], { signal });
        const { rows } = await executor.query<PruneAnswer>(
          pruneSql(log, guard()),
          [this.#prunedThrough, target, ROWS_AT_ONCE],
          { signal },
        );
        return rows[0];
      },
      { signal },
    );
    // Another reader has taken over: it deletes what is left.
    if (answer?.ok !== 'true') return 0;
    const deleted = Number(answer.rows);
    this.#prunedThrough =
      deleted === ROWS_AT_ONCE && answer.through !== null ? BigInt(answer.through) : target;
    return deleted;
  }
}
