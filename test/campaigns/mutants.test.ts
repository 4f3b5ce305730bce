import { expect, test } from 'vitest';
import { runClientKills } from './client-kill.ts';

test('I1: the client-kill campaign catches a build that acknowledges on receive', async ({
  signal,
}) => {
  const result = await runClientKills(
    { seed: 7, first: 0, runs: 3, signal, onProgress: () => {} },
    'acknowledge-on-receive',
  );
  expect(result.failures).toEqual([]);
  expect(result.counters['lost']).toBeGreaterThan(0);
});
