import { expect, test } from 'vitest';
import { FROM_THE_START } from '../copy/copy-cursor.ts';
import { type CopyTask, taskOf, withProgress } from '../copy/copy-jobs.ts';
import { copyBehind } from './copy-behind.ts';

const table = (name: string): { readonly schema: string; readonly name: string } => ({
  schema: 'public',
  name,
});
const keys: CopyTask = {
  table: table('a'),
  oid: 1,
  cursor: { by: 'keyset', after: ['7'], order: 'x' },
  rows: 7,
};
const blocks: CopyTask = {
  table: table('b'),
  oid: 2,
  cursor: { by: 'ctid', leaves: [{ oid: 2, shape: 's', ranges: [[5, null]] }] },
  rows: 5,
  since: '700',
};
const whole: CopyTask = { table: table('c'), oid: 3, cursor: null, rows: 3 };
const state = {
  jobs: [{ id: 'first', chunkRows: 1, where: null, tasks: [keys, blocks, whole] }],
  finished: [],
};

test('behind a hole a copy goes on, and one by blocks reads what was written since it began once more', () => {
  const behind = copyBehind(state, true);
  expect(behind.jobs[0]?.tasks).toEqual([keys, { ...blocks, hasMoved: true }, whole]);
  const last = withProgress(behind, 'first', blocks.table, { cursor: null, rows: 1 });
  expect(taskOf(last, 'first', 'public.b')).toEqual({
    table: blocks.table,
    oid: 2,
    cursor: { by: 'keyset', after: null, order: null, newerThan: '700' },
    rows: 6,
  });
});

test('on another history what is not whole begins again', () => {
  expect(copyBehind(state, false).jobs[0]?.tasks).toEqual([
    { table: keys.table, cursor: FROM_THE_START, rows: 7 },
    { table: blocks.table, cursor: FROM_THE_START, rows: 5 },
    whole,
  ]);
});
