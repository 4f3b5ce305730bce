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
  /** Oids and names of tables that are being copied, and of which nothing is known to have moved. */
  #watched: ReadonlySet<number | string> = new Set();

  /** Takes note of what is handed over; gives what is to be copied from now on. */
  saw(state: CopyState, events: readonly ChangeEvent[]): CopyState {
    if (state !== this.#state) this.#watch(state);
    if (this.#watched.size === 0) return state;
    const changed = new Set<number | string>();
    const rekeyed = new Set<number | string>();
    for (const event of events) {
      if (!isRowChange(event) || !isIncomplete(event)) continue;
      // The stream may have the new name of a table long before the copy has.
      for (const name of [event.table.oid, tableLabel(event.table)]) {
        if (!this.#watched.has(name)) continue;
        changed.add(name);
        if (event.previousKey !== null) rekeyed.add(name);
      }
    }
    const hasMoved = (task: CopyTask): boolean => {
      const moved = task.cursor?.by === 'ctid' ? changed : rekeyed;
      return isWatched(task) && namesOf(task).some((name) => moved.has(name));
    };
    return changed.size === 0 ? state : withMoves(state, hasMoved);
  }

  #watch(state: CopyState): void {
    const tasks = state.jobs.flatMap((job) => job.tasks).filter(isWatched);
    this.#state = state;
    this.#watched = new Set(tasks.flatMap(namesOf));
  }
}

function namesOf({ oid, table }: CopyTask): readonly (number | string)[] {
  return oid === undefined ? [tableLabel(table)] : [oid, tableLabel(table)];
}

function isIncomplete(event: RowChange): boolean {
  return event.unavailable.length > 0 && event.operation !== 'delete';
}

function isWatched({ cursor, hasMoved }: CopyTask): boolean {
  return cursor !== null && hasMoved !== true;
}
