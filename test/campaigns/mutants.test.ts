import { expect, test } from 'vitest';
import { runClientKills } from './client-kill.ts';
import { SOURCES } from './support/sources.ts';

/** Each with four kills. */
const MOST_RUNS = 10;

test.for(SOURCES)(
  'I1: the client-kill campaign catches a build that acknowledges on receive: %s',
  async (source, { signal }) => {
    let lost = 0;
    // Whether a change is under way when the client dies is a matter of chance.
    for (let run = 0; run < MOST_RUNS && lost === 0; run += 1) {
      const result = await runClientKills(
        { seed: 7, first: run, runs: 1, sources: [source], signal, onProgress: () => {} },
        'acknowledge-on-receive',
      );
      expect(result.failures).toEqual([]);
      lost += result.counters['lost'] ?? 0;
    }
    expect(lost).toBeGreaterThan(0);
  },
);
