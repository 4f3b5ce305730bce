import { FROM_THE_START } from '../copy/copy-cursor.ts';
import type { CopyState, CopyTask } from '../copy/copy-jobs.ts';

/**
 * What is left to copy behind a hole in the stream.
 *
 * A row may have moved from blocks that were not copied to others while nothing was read: what was written since a copy by
 * blocks began is read once more behind it. On another history what was handed over says nothing of what is there: every table
 * that was not whole begins again.
 */
export function copyBehind(state: CopyState, isSameHistory: boolean): CopyState {
  const behind = (task: CopyTask): CopyTask => {
    const { cursor, rows, table } = task;
    if (cursor === null) return task;
    if (!isSameHistory) return { table, cursor: FROM_THE_START, rows };
    return cursor.by === 'ctid' ? { ...task, hasMoved: true } : task;
  };
  const jobs = state.jobs.map((job) => ({ ...job, tasks: job.tasks.map(behind) }));
  return { ...state, jobs };
}
