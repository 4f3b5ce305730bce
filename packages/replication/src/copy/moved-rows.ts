import { type ChangeEvent, isRowChange } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import { type CopyState, NOTHING_TO_COPY, withMoves } from './copy-jobs.ts';

/**
 * Notices rows that a copy by place may miss.
 *
 * An update puts a row somewhere else. When that is a part of the table that was copied already, no later part shows the row.
 * Its change tells all of it, unless it left a large value alone: then that value has to be read once more.
 */
export class MovedRows {
  #state: CopyState = NOTHING_TO_COPY;
  /** Tables that are copied by place, of which nothing is known to have moved. */
  #watched: ReadonlySet<string> = new Set();

  /** Takes note of what is handed over; gives what is to be copied from now on. */
  saw(state: CopyState, events: readonly ChangeEvent[]): CopyState {
    if (state !== this.#state) this.#watch(state);
    if (this.#watched.size === 0) return state;
    const moved = new Set<string>();
    for (const event of events) {
      if (!isRowChange(event) || event.unavailable.length === 0) continue;
      if (event.operation !== 'delete') moved.add(tableLabel(event.table));
    }
    const seen = [...moved].filter((label) => this.#watched.has(label));
    return seen.length === 0 ? state : withMoves(state, new Set(seen));
  }

  #watch(state: CopyState): void {
    const tasks = state.jobs.flatMap((job) => job.tasks);
    this.#state = state;
    this.#watched = new Set(
      tasks
        .filter(({ cursor, hasMoved }) => cursor?.by === 'ctid' && hasMoved !== true)
        .map(({ table }) => tableLabel(table)),
    );
  }
}
