import { describe, expect, test } from 'vitest';

import { laneText, placeOfLane, splitLane } from './lane.ts';

describe('splitLane', () => {
  test.each([
    '1001',
    '',
    'a "quoted" one',
    'back\\slash',
    'Zoë 顧客',
    'line\nbreak',
    '["1","2"]',
    '\ud800',
  ])(
    'I3: a lane that was stored as text has the parts that it was put together from (%j)',
    (name) => {
      for (const place of [placeOfLane('shop', 'public.orders'), placeOfLane('', name)]) {
        expect(splitLane(laneText(place, name))).toEqual([place, name]);
      }
    },
  );

  test.each([
    '',
    'orders/1',
    '["a","b"',
    '["a","b"]',
    '["a","b","c","d"]',
    '["a","b",1]',
    '["a","b", "c"]',
    '["a","b","\\u0063"]',
    '["a",["b"],"c"]',
    'unmapped:public.orders:{"id":"1"}',
  ])('a lane of another form or spelling is one of its own (%j)', (lane) => {
    expect(splitLane(lane)).toEqual(['', lane]);
    expect(laneText('', lane)).toBe(lane);
  });
});
