import { expect, test } from 'vitest';
import { percentiles } from './percentiles.ts';

test('percentiles are values that came, by their rank', () => {
  const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
  expect(percentiles(values)).toEqual({ p50: 500, p99: 990 });
  expect(percentiles([3, 1])).toEqual({ p50: 1, p99: 3 });
  expect(percentiles([])).toEqual({ p50: Number.NaN, p99: Number.NaN });
});
