import { describe, expect, test } from 'vitest';
import { FROM_THE_START, type KeyCursor } from './copy-cursor.ts';
import {
  copyStateFromJson,
  copyStateToJson,
  FIRST_COPY,
  newJob,
  NOTHING_TO_COPY,
  taskOf,
  withJob,
  withoutJob,
  withProgress,
} from './copy-jobs.ts';

const T = { schema: 'public', name: 't' };
const U = { schema: 'public', name: 'u' };
const OPTIONS = { chunkRows: 10, where: null };
const BEHIND_TEN: KeyCursor = { by: 'keyset', after: ['10'], order: '1 x' };

describe('withProgress', () => {
  test('rows that are left out of a chunk are numbered all the same', () => {
    const begun = withJob(NOTHING_TO_COPY, newJob('one', [T, U], OPTIONS));
    const state = withProgress(begun, 'one', T, { cursor: BEHIND_TEN, rows: 8 });
    expect(taskOf(state, 'one', 'public.t')).toMatchObject({ rows: 8 });
    expect(taskOf(state, 'one', 'public.u')).toMatchObject({ rows: 0 });
    expect(taskOf(begun, 'one', 'public.t')?.cursor).toBe(FROM_THE_START);
  });

  test('a job is finished with its last table, and is remembered until somebody was told; the first copy is not', () => {
    for (const id of ['one', FIRST_COPY]) {
      const begun = withJob(NOTHING_TO_COPY, newJob(id, [T, U], OPTIONS));
      const half = withProgress(begun, id, T, { cursor: null, rows: 1 });
      expect(half.jobs).toHaveLength(1);
      const whole = withProgress(half, id, U, { cursor: null, rows: 1 });
      expect(whole.jobs).toEqual([]);
      expect(whole.finished.map((job) => job.id)).toEqual(id === FIRST_COPY ? [] : ['one']);
      if (id !== FIRST_COPY) expect(withJob(whole, newJob(id, [T], OPTIONS))).toBe(whole);
      expect(copyStateToJson(withoutJob(whole, id))).toBeNull();
    }
  });
});

describe('copyStateFromJson', () => {
  test('gives what was kept; nothing for what is something else', () => {
    const begun = withJob(NOTHING_TO_COPY, newJob('one', [T], OPTIONS));
    const state = withProgress(begun, 'one', T, { cursor: BEHIND_TEN, rows: 8 });
    const kept = JSON.parse(JSON.stringify(copyStateToJson(state))) as never;
    expect(copyStateFromJson(kept)).toEqual(state);
    expect(copyStateFromJson(undefined)).toBe(NOTHING_TO_COPY);
    expect(copyStateFromJson({ jobs: 1 })).toBe(NOTHING_TO_COPY);
  });
});
