import { type CopyCursor, FROM_THE_START } from '../copy/copy-cursor.ts';
import type { CopyState } from '../copy/copy-jobs.ts';

/**
 * What is left to copy behind a hole in the stream.
 *
 * A row may have moved from blocks that were not copied to others while nothing was read, so a copy by blocks begins again,
 * by key. On another history what was handed over says nothing of what is there: every table that was not whole begins again.
 */
export function copyBehind(state: CopyState, isSameHistory: boolean): CopyState {
  const behind = (cursor: CopyCursor | null): CopyCursor | null =>
    cursor === null || (isSameHistory && cursor.by === 'keyset') ? cursor : FROM_THE_START;
  const jobs = state.jobs.map((job) => ({
    ...job,
    tasks: job.tasks.map((task) => ({ ...task, cursor: behind(task.cursor) })),
  }));
  return { ...state, jobs };
}
