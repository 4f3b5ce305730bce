import { describe, expect, test } from 'vitest';
import { Unacknowledged } from './unacknowledged.ts';

describe('Unacknowledged', () => {
  test('forgotten ends are gone, but not how old their changes are', () => {
    const ends = new Unacknowledged();
    ends.yielded(1n, new Map(), 1n);
    for (const end of [2n, 3n, 4n]) {
      ends.saw(Number(end) * 1_000);
      ends.yielded(end, new Map(), end);
    }
    ends.forget(3n);
    expect(ends.at(2n)).toBeNull();
    expect(ends.at(3n)).not.toBeNull();
    expect(ends.oldestMs).toBe(2_000);
    ends.acknowledged(3n);
    expect(ends.oldestMs).toBe(4_000);
    ends.forget(9n);
    expect(ends.at(4n)).not.toBeNull();
  });
});
