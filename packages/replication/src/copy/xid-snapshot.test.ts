import { describe, expect, test } from 'vitest';
import { XidSnapshot } from './xid-snapshot.ts';

describe('XidSnapshot', () => {
  test('what had ended when the snapshot was taken', () => {
    const snapshot = new XidSnapshot('10:20:10,15');
    const ended = [9, 10, 11, 15, 19, 20, 21].filter((xid) => snapshot.hasEnded(xid));
    expect(ended).toEqual([9, 11, 19]);
    expect(new XidSnapshot('20:20:').hasEnded(19)).toBe(true);
    expect(new XidSnapshot('20:20:').hasEnded(20)).toBe(false);
  });

  test('S-04: ids of 32 bits that wrap around', () => {
    const wrap = 2n ** 32n;
    const behind = new XidSnapshot(
      `${3n * wrap - 5n}:${3n * wrap + 5n}:${3n * wrap - 5n},${3n * wrap + 2n}`,
    );
    const ids = [2 ** 32 - 6, 2 ** 32 - 5, 2 ** 32 - 1, 0, 2, 4, 5, 1000];
    expect(ids.filter((xid) => behind.hasEnded(xid))).toEqual([2 ** 32 - 6, 2 ** 32 - 1, 0, 4]);
    const before = new XidSnapshot(`${wrap - 3n}:${wrap - 3n}:`);
    expect([2 ** 32 - 4, 2 ** 32 - 3, 0, 3].filter((xid) => before.hasEnded(xid))).toEqual([
      2 ** 32 - 4,
    ]);
  });
});
