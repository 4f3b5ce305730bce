import { expect, test } from 'vitest';
import { FROM_THE_START } from '../copy/copy-cursor.ts';
import { newJob } from '../copy/copy-jobs.ts';
import { copyBehind } from './copy-behind.ts';

const TABLES = ['a', 'b', 'c'].map((name) => ({ schema: 'public', name }));
const [a, b, c] = newJob('first', TABLES, { chunkRows: 1, where: null }).tasks;
const byKey = { by: 'keyset', after: ['7'], order: 'x' } as const;
const byBlocks = { by: 'ctid', leaves: [{ oid: 1, shape: 's', ranges: [[5, null]] }] } as const;

test('behind a hole a copy by blocks begins again, one by key only on another history, a whole one never', () => {
  const cursors = (isSameHistory: boolean): unknown => {
    const tasks = [
      { ...a, cursor: byKey },
      { ...b, cursor: byBlocks },
      { ...c, cursor: null },
    ] as Parameters<typeof copyBehind>[0]['jobs'][number]['tasks'];
    const job = { id: 'first', chunkRows: 1, where: null, tasks };
    const behind = copyBehind({ jobs: [job], finished: [] }, isSameHistory);
    return behind.jobs[0]?.tasks.map(({ cursor }) => cursor);
  };
  expect(cursors(true)).toEqual([byKey, FROM_THE_START, null]);
  expect(cursors(false)).toEqual([FROM_THE_START, FROM_THE_START, null]);
});
