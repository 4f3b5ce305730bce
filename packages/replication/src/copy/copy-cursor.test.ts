import { describe, expect, test } from 'vitest';
import { type BlockCursor, type BlockRange, withoutBlocks, withoutRange } from './copy-cursor.ts';

describe('withoutRange', () => {
  test.each<[readonly BlockRange[], BlockRange, readonly BlockRange[]]>([
    [[[0, null]], [0, 10], [[10, null]]],
    [
      [[0, null]],
      [10, 20],
      [
        [0, 10],
        [20, null],
      ],
    ],
    [
      [
        [0, 10],
        [20, null],
      ],
      [10, 20],
      [
        [0, 10],
        [20, null],
      ],
    ],
    [
      [
        [0, 10],
        [20, null],
      ],
      [0, 10],
      [[20, null]],
    ],
    [
      [
        [0, 10],
        [20, null],
      ],
      [20, null],
      [[0, 10]],
    ],
    [[[0, 10]], [0, null], []],
    [
      [[0, 30]],
      [10, 20],
      [
        [0, 10],
        [20, 30],
      ],
    ],
  ])('%j without %j', (ranges, range, expected) => {
    expect(withoutRange(ranges, range)).toEqual(expected);
  });
});

describe('withoutBlocks', () => {
  test('nothing is left when every leaf is done', () => {
    const cursor: BlockCursor = {
      by: 'ctid',
      leaves: [
        { oid: 1, shape: 'a', ranges: [[0, null]] },
        { oid: 2, shape: 'b', ranges: [[0, null]] },
      ],
    };
    const half = withoutBlocks(cursor, 1, [0, null]);
    expect(half).toEqual({ by: 'ctid', leaves: [{ oid: 2, shape: 'b', ranges: [[0, null]] }] });
    expect(half === null ? null : withoutBlocks(half, 2, [0, null])).toBeNull();
  });
});
