import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LaneTails } from './lane-tails.ts';
import { WorkItem } from './work-item.ts';

/** Few lanes, so that they meet often, or many, so that the table grows. */
const steps = fc.integer({ min: 1, max: 400 }).chain((lanes) =>
  fc.array(
    fc.record({
      place: fc.constantFrom('', '["shop","public.orders",', '["shop","public.lines",'),
      name: fc.integer({ min: 0, max: lanes }).map(String),
      isAppended: fc.boolean(),
    }),
    { maxLength: 600, size: 'max' },
  ),
);

describe('LaneTails', () => {
  test('I3: it knows the last item of each lane, whatever lanes come and go', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const tails = new LaneTails<string>();
        const known = new Map<string, WorkItem<string>>();
        for (const { isAppended, name, place } of taken) {
          const lane = place + name;
          const before = known.get(lane) ?? null;
          if (isAppended) {
            const item = new WorkItem(lane, place, name, 1, lane, 0, null, null);
            expect(tails.append(item)).toBe(before);
            known.set(lane, item);
          } else if (before !== null) {
            tails.remove(before);
            // A second time it is nobody's last.
            tails.remove(before);
            known.delete(lane);
          }
        }
        for (const tail of known.values()) {
          const { laneName, lanePlace } = tail;
          const item = new WorkItem('', lanePlace, laneName, 1, '', 0, null, null);
          expect(tails.append(item)).toBe(tail);
          tails.remove(tail);
          expect(tails.append(tail)).toBe(item);
        }
      }),
    );
  });
});
