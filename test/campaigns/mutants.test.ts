import { expect, test } from 'vitest';
import { runClientKills } from './client-kill.ts';
import { SOURCES } from './support/sources.ts';

test.for(SOURCES)(
  'I1: the client-kill campaign catches a build that acknowledges on receive: %s',
  async (source, { signal }) => {
    const result = await runClientKills(
      { seed: 7, first: 0, runs: 1, sources: [source], signal, onProgress: () => {} },
      'acknowledge-on-receive',
    );
    expect(result.failures).toEqual([]);
    expect(result.counters['lost']).toBeGreaterThan(0);
  },
);
