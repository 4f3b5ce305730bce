import { describe, expect, test } from 'vitest';

import { placeOfLane, splitLane } from '../sink/lane.ts';
import { LaneQueue } from './lane-queue.ts';
import { WorkItem } from './work-item.ts';

function item(name: string, place: string, lane: string = name): WorkItem<string> {
  return new WorkItem(name, place, lane, 1, name, 0, null, null);
}

const ORDERS = placeOfLane('shop', 'public.orders');
const LINES = placeOfLane('shop', 'public.lines');

describe('LaneQueue', () => {
  test('I3: an item whose lane came as text waits behind one whose lane came in parts', () => {
    const lanes = new LaneQueue<string>();
    const first = item('first', ORDERS, '1');
    const [place, name] = splitLane(first.lane);
    expect(first.lane).toBe('["shop","public.orders","1"]');
    const second = new WorkItem('second', place, name, 1, 'second', 0, null, null);
    lanes.push(first);
    lanes.push(second);
    expect(lanes.take(10, 10)).toEqual([first]);
    lanes.finish(first);
    expect(lanes.take(10, 10)).toEqual([second]);
  });

  test('lanes of one name in several places are several, in whatever order places come and go', () => {
    const lanes = new LaneQueue<string>();
    const places = [ORDERS, LINES, ''];
    for (let round = 0; round < 4; round += 1) {
      const items = places.map((place) => item(`${round}${place}`, place, '1'));
      const behind = places.map((place) => item(`behind ${round}${place}`, place, '1'));
      for (const each of [...items, ...behind]) lanes.push(each);
      expect(lanes.take(10, 10)).toEqual(items);
      for (const each of items.toReversed()) lanes.finish(each);
      expect(lanes.take(10, 10)).toEqual(behind.toReversed());
      const last = item('last', LINES, '1');
      lanes.push(last);
      const [ofOrders, ofLines, ofNone] = behind;
      if (ofOrders !== undefined) lanes.finish(ofOrders);
      if (ofNone !== undefined) lanes.finish(ofNone);
      expect(ofLines === undefined ? [] : lanes.evict(ofLines)).toEqual([ofLines, last]);
      expect(lanes.readyItems).toBe(0);
    }
  });

  test('I3: of each record one item at a time, in order, whatever comes and goes in whichever place', () => {
    const lanes = new LaneQueue<string>();
    const waiting = new Map<string, string[]>();
    const underWay: WorkItem<string>[] = [];
    let seed = 1;
    const below = (n: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % n;
    };
    for (let step = 0; step < 20_000; step += 1) {
      const choice = below(4);
      if (choice < 2) {
        const place = placeOfLane('shop', `t${below(4)}`);
        const name = String(below(3));
        const next = item(String(step), place, name);
        lanes.push(next);
        waiting.set(next.lane, [...(waiting.get(next.lane) ?? []), next.item]);
      } else if (choice === 2) underWay.push(...lanes.take(3, 100));
      else if (underWay.length > 0) {
        const [done] = underWay.splice(below(underWay.length), 1);
        if (done === undefined) continue;
        const expected = waiting.get(done.lane) ?? [];
        expect(done.item).toBe(expected[0]);
        if (below(10) === 0) {
          expect(lanes.evict(done).map((each) => each.item)).toEqual(expected);
          waiting.delete(done.lane);
        } else {
          lanes.finish(done);
          waiting.set(done.lane, expected.slice(1));
        }
      }
      const all = underWay.map(({ lane }) => lane);
      expect(new Set(all).size).toBe(all.length);
    }
  });

  test('places without lanes are given up when there are too many, and lanes never are', () => {
    const lanes = new LaneQueue<string>();
    const first = item('first', ORDERS, '1');
    lanes.push(first);
    expect(lanes.take(1, 10)).toEqual([first]);
    for (let n = 0; n < 25_000; n += 1) {
      const other = item('x', placeOfLane('shop', `t${n}`), '1');
      lanes.push(other);
      expect(lanes.take(1, 10)).toEqual([other]);
      lanes.finish(other);
      expect(lanes.places).toBeLessThanOrEqual(10_000);
    }
    const second = item('second', ORDERS, '1');
    lanes.push(second);
    expect(lanes.readyItems).toBe(0);
    lanes.finish(first);
    expect(lanes.take(1, 10)).toEqual([second]);
  });
});
