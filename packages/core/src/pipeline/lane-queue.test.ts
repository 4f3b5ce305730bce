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

  test('I3: a lane that is given up twice gives no other lane its place', () => {
    const lanes = new LaneQueue<string>();
    const gone = item('gone', ORDERS, '1');
    lanes.push(gone);
    expect(lanes.take(10, 10)).toEqual([gone]);
    lanes.finish(gone);
    lanes.finish(gone);
    expect(lanes.evict(gone)).toEqual([gone]);
    const [second, third] = [item('second', ORDERS, '2'), item('third', ORDERS, '3')];
    const behind = item('behind second', ORDERS, '2');
    for (const each of [second, third, behind]) lanes.push(each);
    expect(lanes.take(10, 10)).toEqual([second, third]);
    lanes.finish(third);
    expect(lanes.readyItems).toBe(0);
    lanes.finish(second);
    expect(lanes.take(10, 10)).toEqual([behind]);
  });
});
