import { describe, expect, test } from 'vitest';
import { dateText, moneyText, realText, timestampText, timeText } from './value-texts.ts';

/** Expected texts are what PostgreSQL 15 printed. */
describe('texts of values', () => {
  test.each([
    [0, 'double', '0'],
    [-0, 'double', '-0'],
    [Number.NaN, 'float', 'NaN'],
    [Number.NEGATIVE_INFINITY, 'double', '-Infinity'],
    [0.1, 'double', '0.1'],
    [Math.fround(0.1), 'float', '0.1'],
    [Math.fround(16777216), 'float', '1.6777216e+07'],
    [123456, 'float', '123456'],
    [1234567, 'float', '1.234567e+06'],
    [1e15, 'double', '1e+15'],
    [123456789012345, 'double', '123456789012345'],
    [0.0001, 'double', '0.0001'],
    [0.00001, 'double', '1e-05'],
    [-1.5e300, 'double', '-1.5e+300'],
    [5e-324, 'double', '5e-324'],
    [Math.fround(1e-45), 'float', '1e-45'],
    [Math.fround(3.4028235e38), 'float', '3.4028235e+38'],
    [1.7976931348623157e308, 'double', '1.7976931348623157e+308'],
    [2.2250738585072014e-308, 'double', '2.2250738585072014e-308'],
    // In the very middle between two numbers, and at the same distance.
    [-39638736558298256, 'double', '-3.9638736558298256e+16'],
    [2238866.25, 'float', '2.2388662e+06'],
    [9007199254740992, 'double', '9.007199254740992e+15'],
  ] as const)('%d as %s is %s', (value, kind, expected) => {
    expect(realText(value, kind)).toBe(expected);
  });

  test.each([
    [0n, '$0.00'],
    [-5n, '-$0.05'],
    [123456750n, '$1,234,567.50'],
    [-99999n, '-$999.99'],
    [100000n, '$1,000.00'],
  ])('money %d is %s', (cents, expected) => {
    expect(moneyText(cents)).toBe(expected);
  });

  test.each([
    [0n, '1970-01-01'],
    [11016n, '2000-02-29'],
    [-719162n, '0001-01-01'],
    [-719163n, '0001-12-31 BC'],
    [-2147472692n, 'infinity'],
    [-2147472691n, '-infinity'],
  ])('day %d is %s', (days, expected) => {
    expect(dateText(days)).toBe(expected);
  });

  test.each([
    [0n, '1970-01-01 00:00:00'],
    [2n ** 63n - 1n, 'infinity'],
    [-(2n ** 63n), '-infinity'],
    [-500_000n, '1969-12-31 23:59:59.5'],
    [1_769_857_200_123_456n, '2026-01-31 11:00:00.123456'],
    [-62_135_596_800_000_001n, '0001-12-31 23:59:59.999999 BC'],
  ])('microsecond %d is %s', (micros, expected) => {
    expect(timestampText(micros)).toBe(expected);
  });

  test('times of day', () => {
    expect([0n, 86_400_000_000n, 3_661_000_010n].map(timeText)).toEqual([
      '00:00:00',
      '24:00:00',
      '01:01:01.00001',
    ]);
  });
});
