import { describe, expect, test } from 'vitest';
import { growthOf, type GrowthSample, withSample } from './wal-growth.ts';

function look(atMs: number, walEnd: number, retainedBytes = 0): GrowthSample {
  return { atMs, walEnd: BigInt(walEnd), retainedBytes };
}

describe(growthOf, () => {
  test('is not known before the second look', () => {
    expect(growthOf([])).toBeNull();
    expect(growthOf([look(0, 10)])).toBeNull();
  });

  test('tells bytes per second from the oldest look to the newest', () => {
    expect(growthOf([look(0, 100, 50), look(1_000, 110, 60), look(2_000, 300, 40)])).toEqual({
      walBytesPerSecond: 100,
      retainedBytesPerSecond: -5,
    });
  });
});

describe(withSample, () => {
  test('forgets what is older than five minutes', () => {
    const samples = [look(0, 1), look(200_000, 2), look(400_000, 3)].reduce(
      withSample,
      [] as readonly GrowthSample[],
    );
    expect(samples.map(({ atMs }) => atMs)).toEqual([200_000, 400_000]);
  });

  test('begins anew when the log or the clock has gone back', () => {
    expect(withSample([look(0, 100), look(1_000, 200)], look(2_000, 50))).toHaveLength(1);
    expect(withSample([look(5_000, 100)], look(1_000, 200))).toHaveLength(1);
  });
});
