import { describe, expect, test } from 'vitest';

import { GapFence, type LockHolder } from './gap-fence.ts';

function holder(id: string, xids: readonly string[] = [], pid: number | null = 1): LockHolder {
  return { id, pid, xids };
}

describe('GapFence', () => {
  test('where nobody holds the lock, all that was drawn before the look is settled', () => {
    const fence = new GapFence(5n);
    expect(fence.settled).toBe(5n);
    fence.observe(9n, []);
    expect(fence.settled).toBe(9n);
  });

  test('the holders of the first look may hold any number behind the beginning', () => {
    const fence = new GapFence(5n);
    fence.observe(9n, [holder('3/1')]);
    expect(fence.settled).toBe(5n);
    expect(fence.holders).toEqual([holder('3/1')]);
    fence.observe(12n, [holder('3/1')]);
    expect(fence.settled).toBe(5n);
    fence.observe(12n, []);
    expect(fence.settled).toBe(12n);
  });

  test('one that came after a look can only hold numbers drawn after it', () => {
    const fence = new GapFence(0n);
    fence.observe(10n, [holder('3/1')]);
    fence.observe(20n, [holder('3/1'), holder('4/1')]);
    fence.observe(30n, [holder('4/1'), holder('5/1')]);
    expect(fence.settled).toBe(10n);
    fence.observe(30n, [holder('5/1')]);
    expect(fence.settled).toBe(20n);
  });

  test('what is settled stays settled, and a look with an older number is good', () => {
    const fence = new GapFence(0n);
    fence.observe(10n, []);
    fence.observe(4n, [holder('3/1')]);
    expect(fence.settled).toBe(10n);
    fence.observe(20n, [holder('4/1')]);
    expect(fence.settled).toBe(10n);
  });

  test('a prepared transaction is the one that it was before, under its new id', () => {
    const fence = new GapFence(0n);
    fence.observe(10n, [holder('3/1', ['700'])]);
    fence.observe(20n, [holder('3/1', ['700']), holder('4/9', ['701'])]);
    fence.observe(30n, [holder('-1/700', ['700'], null), holder('4/9', ['701'])]);
    expect(fence.settled).toBe(0n);
    fence.observe(40n, [holder('-1/700', ['700'], null)]);
    expect(fence.settled).toBe(0n);
    fence.observe(40n, []);
    expect(fence.settled).toBe(40n);
  });

  test('one whose transaction id was not known may be any prepared one that is new', () => {
    const fence = new GapFence(0n);
    fence.observe(10n, [holder('3/1'), holder('4/1', ['701'])]);
    // The look fell into its change: it is seen under both ids.
    fence.observe(20n, [holder('3/1'), holder('-1/700', ['700'], null)]);
    fence.observe(30n, [holder('-1/700', ['700'], null)]);
    expect(fence.settled).toBe(0n);
  });

  test('prepared transactions that follow one another do not hold it up', () => {
    const fence = new GapFence(0n);
    fence.observe(10n, [holder('3/1', ['700'], null)]);
    fence.observe(20n, [holder('3/1', ['700'], null), holder('3/2', ['701'], null)]);
    fence.observe(30n, [holder('3/2', ['701'], null), holder('3/3', ['702'], null)]);
    expect(fence.settled).toBe(10n);
    fence.observe(40n, [holder('3/3', ['702'], null)]);
    expect(fence.settled).toBe(20n);
  });
});
