import { expect, test } from 'vitest';
import { runPollingSchedules } from './polling-schedules.ts';
import type { NaivePolling } from './schedules/naive-poller.ts';

const options = { seed: 7, first: 0, runs: 150, sources: [], onProgress: () => {} };

async function lostBy(naive: NaivePolling, signal: AbortSignal): Promise<number> {
  const { counters, failures } = await runPollingSchedules({ ...options, signal }, naive, [18]);
  expect(failures).toEqual([]);
  return counters['lost'] ?? 0;
}

test('P-01: the schedules catch a poller of stamp > last', async ({ signal }) => {
  expect(await lostBy('stamp-without-overlap', signal)).toBeGreaterThan(0);
});

test('P-04: the schedules catch a poller whose stamps pass through Date', async ({ signal }) => {
  expect(await lostBy('stamp-through-date', signal)).toBeGreaterThan(0);
});

test('P-10: the schedules catch a poller by xid that does not wait for the horizon', async ({
  signal,
}) => {
  expect(await lostBy('xid-without-horizon', signal)).toBeGreaterThan(0);
});
