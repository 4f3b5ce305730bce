import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { GapFence } from './gap-fence.ts';

interface Transaction {
  id: string;
  pid: number | null;
  xid: string | null;
  readonly held: Set<bigint>;
}

/** What happens next: to the transaction that a number chooses, or to the reader. */
const EVENT = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('lock', 'draw', 'drawn', 'look') },
  { weight: 1, arbitrary: fc.constantFrom('xid', 'prepare', 'end') },
  { weight: 1, arbitrary: fc.constantFrom('look', 'look', 'look', 'restart') },
);

const SCRIPT = fc.array(fc.tuple(EVENT, fc.nat(7)), { minLength: 1, maxLength: 60, size: 'max' });

describe('GapFence', () => {
  test('nothing up to what is settled is held by anybody, whatever happens between reading and looking', () => {
    fc.assert(
      fc.property(SCRIPT, (events) => {
        const fence = new GapFence(0n);
        let open: Transaction[] = [];
        let started = 0;
        let xids = 0;
        let drawn = 0n;
        let read = 0n;
        for (const [event, number] of events) {
          const chosen = open[number % Math.max(open.length, 1)];
          if (event === 'lock') {
            started += 1;
            open.push({
              id: `${String(started % 3)}/${String(started)}`,
              pid: started,
              xid: null,
              held: new Set(),
            });
          } else if (event === 'drawn') read = drawn;
          else if (event === 'look') {
            fence.observe(
              read,
              open.map(({ id, pid, xid }) => ({ id, pid, xids: xid === null ? [] : [xid] })),
            );
          } else if (event === 'restart') {
            // Prepared transactions survive, under other ids; all else is rolled back.
            open = open.filter(({ pid }) => pid === null);
            for (const transaction of open) transaction.id = `-1/${transaction.xid ?? ''}`;
          } else if (chosen === undefined) continue;
          else if (event === 'end') open = open.filter((transaction) => transaction !== chosen);
          else if (chosen.pid === null) continue;
          else if (event === 'xid') chosen.xid ??= String(++xids);
          else if (event === 'draw') chosen.held.add(++drawn);
          else {
            chosen.xid ??= String(++xids);
            chosen.pid = null;
            if (number % 2 === 0) chosen.id = `-1/${chosen.xid}`;
          }
          for (const { held } of open)
            for (const sequence of held) expect(sequence).toBeGreaterThan(fence.settled);
        }
        // And it does not stall: when all are over, a look settles everything.
        fence.observe(drawn, []);
        expect(fence.settled).toBe(drawn);
      }),
      { numRuns: 2000 },
    );
  });
});
