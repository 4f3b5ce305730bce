import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { placeOfLane } from '../sink/lane.ts';
import { LaneQueue } from './lane-queue.ts';
import { WorkItem } from './work-item.ts';

type Item = WorkItem<number>;

/** Few names in few places, so that lanes grow long and places share names; sometimes one of many. */
const lane = fc.record({
  place: fc.constantFrom(
    '',
    placeOfLane('shop', 'public.orders'),
    placeOfLane('shop', 'public.lines'),
  ),
  name: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('', '1', '2', '["a","b"]', 'ключ') },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 100_000 }).map(String) },
  ),
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('push' as const), lane }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('take' as const),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('finish' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('evict' as const), which: fc.nat() }) },
);

describe('LaneQueue', () => {
  test('I3: does what a list for each lane would do', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const queue = new LaneQueue<number>();
        /** All unfinished items of each lane, and in which order their heads became ready. */
        const lists = new Map<string, Item[]>();
        let ready: Item[] = [];
        const taken: Item[] = [];
        let number = 0;
        const pick = (which: number): Item | undefined =>
          taken.length === 0 ? undefined : taken.splice(which % taken.length, 1)[0];
        for (const one of steps) {
          if (one.type === 'push') {
            const item: Item = new WorkItem(
              number++,
              one.lane.place,
              one.lane.name,
              1,
              '',
              0,
              null,
              null,
            );
            queue.push(item);
            const list = lists.get(item.lane) ?? [];
            if (list.length === 0) ready.push(item);
            list.push(item);
            lists.set(item.lane, list);
          } else if (one.type === 'take') {
            const expected = ready.slice(0, one.count);
            ready = ready.slice(one.count);
            expect(queue.take(one.count, Infinity)).toEqual(expected);
            taken.push(...expected);
          } else {
            const item = pick(one.which);
            if (item === undefined) continue;
            const list = lists.get(item.lane) ?? [];
            expect(list[0]).toBe(item);
            if (one.type === 'evict') {
              expect(queue.evict(item)).toEqual(list);
              lists.delete(item.lane);
            } else {
              queue.finish(item);
              list.shift();
              const [next] = list;
              if (next !== undefined) ready.push(next);
            }
          }
          expect(queue.readyItems).toBe(ready.length);
          expect(queue.readyBytes).toBe(ready.length);
        }
      }),
    );
  });

  test('thousands of lanes come and go, each item behind the one before it', () => {
    const queue = new LaneQueue<number>();
    const LANES = 5_000;
    const items: Item[] = [];
    for (let number = 0; number < 3 * LANES; number += 1) {
      const item: Item = new WorkItem(number, '', String(number % LANES), 1, '', 0, null, null);
      items.push(item);
      queue.push(item);
    }
    for (let round = 0; round < 3; round += 1) {
      const expected = items.slice(round * LANES, (round + 1) * LANES);
      expect(queue.take(2 * LANES, Infinity)).toEqual(expected);
      for (const item of expected) queue.finish(item);
    }
    expect(queue.take(1, 1)).toEqual([]);
    queue.push(items[0] as Item);
    expect(queue.take(2, 2)).toEqual([items[0]]);
  });
});
