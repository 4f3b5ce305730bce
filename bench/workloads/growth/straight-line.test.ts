import { describe, expect, test } from 'vitest';
import { mostOverLeast, spreadAround, straightLine } from './straight-line.ts';

const SIZES = [100, 1_000, 10_000, 100_000, 1_000_000];

describe('straightLine', () => {
  test('finds the fixed part and the part of each unit, over four powers of ten', () => {
    const costs = SIZES.map((size) => ({ size, cost: 12_000 + 3 * size }));
    const line = straightLine(costs);
    expect(line.fixed).toBeCloseTo(12_000, 3);
    expect(line.perUnit).toBeCloseTo(3, 6);
    expect(spreadAround(line, costs)).toBeCloseTo(1, 6);
  });

  test('shows a cost that grows faster than its size', () => {
    const costs = SIZES.map((size) => ({ size, cost: size * Math.sqrt(size) }));
    expect(spreadAround(straightLine(costs), costs)).toBeGreaterThan(2);
  });
});

describe('mostOverLeast', () => {
  test('is 1 where all cost the same', () => {
    expect(mostOverLeast([4, 4, 4])).toBe(1);
    expect(mostOverLeast([2, 6, 4])).toBe(3);
  });
});
