import { expect, test } from 'vitest';
import { runLogSchedules } from './log-schedules.ts';
import { runLogStress } from './log-stress.ts';

const options = { seed: 7, first: 0, runs: 200, sources: [], onProgress: () => {} };

test('O-01: the schedules catch a reader of sequence > cursor, which loses rows', async ({
  signal,
}) => {
  const { counters } = await runLogSchedules({ ...options, signal }, 'sequence-after-cursor', [18]);
  expect(counters['lost']).toBeGreaterThan(0);
});

test('O-02: the schedules catch a reader in order of xid, which reorders rows', async ({
  signal,
}) => {
  const { counters } = await runLogSchedules({ ...options, signal }, 'xid-below-horizon', [18]);
  expect(counters['lost']).toBe(0);
  expect(counters['reordered']).toBeGreaterThan(0);
});

test('the stress catches both', async ({ signal }) => {
  const { events, verdicts } = await runLogStress({ seed: 7, seconds: 3, signal });
  expect(events).toBeGreaterThan(1000);
  expect(verdicts['sequence-after-cursor'].lost).toBeGreaterThan(0);
  expect(verdicts['xid-below-horizon'].reordered).toBeGreaterThan(0);
  expect(verdicts.fenced).toEqual({ lost: 0, reordered: 0, uncommitted: 0, renamed: 0 });
});
