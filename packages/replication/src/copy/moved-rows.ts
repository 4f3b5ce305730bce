import { type ChangeEvent, isRowChange, type RowChange } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import { type CopyState, type CopyTask, NOTHING_TO_COPY, withMoves } from './copy-jobs.ts';

/**
 * Notices rows that a copy may miss.
 *
 * An update puts a row somewhere else, and one that changes the key gives it another place in the order of keys. When that is a
 * part of the table that was copied already, no later part shows the row. Its change tells all of it, unless it left a large
 * value alone: then that value has to be read once more.
 */
export class MovedRows {
  #state: CopyState = NOTHING_TO_COPY;
  /** Tables that are being copied, and of which nothing is known to have moved. */
  #watched: ReadonlySet<string> = new Set();

  /** Takes note of what is handed over; gives what is to be copied from now on. */
  saw(state: CopyState, events: readonly ChangeEvent[]): CopyState {
    if (state !== this.#state) this.#watch(state);
    if (this.#watched.size === 0) return state;
    const changed = new Set<string>();
    const rekeyed = new Set<string>();
    for (const event of events) {
      if (!isRowChange(event) || !isIncomplete(event)) continue;
      const label = tableLabel(event.table);
      if (!this.#watched.has(label)) continue;
      changed.add(label);
      if (event.previousKey !== null) rekeyed.add(label);
    }
    if (changed.size === 0) return state;
    return withMoves(
      state,
      (task) =>
        (task.cursor?.by === 'ctid' ? changed : rekeyed).has(tableLabel(task.table)) &&
        isWatched(task),
    );
  }

  #watch(state: CopyState): void {
    const tasks = state.jobs.flatMap((job) => job.tasks).filter(isWatched);
    this.#state = state;
    this.#watched = new Set(tasks.map(({ table }) => tableLabel(table)));
  }
}

function isIncomplete(event: RowChange): boolean {
  return event.unavailable.length > 0 && event.operation !== 'delete';
}

function isWatched({ cursor, hasMoved }: CopyTask): boolean {
  return cursor !== null && hasMoved !== true;
}
