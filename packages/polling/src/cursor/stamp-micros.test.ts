import { describe, expect, test } from 'vitest';
import { isoStamp } from './row-events.ts';
import { microsOfStamp } from './stamp-micros.ts';

describe(microsOfStamp, () => {
  test('P-04: grows with every microsecond, from -infinity over BC to infinity', () => {
    const stamps = [
      '-infinity',
      '4713-01-01 00:00:00+00 BC',
      '0044-03-15 12:00:00.000001+00 BC',
      '0044-03-15 12:00:00.000002+00 BC',
      '0001-12-31 23:59:59.999999+00 BC',
      '0001-01-01 00:00:00+00',
      '1969-12-31 23:59:59.999999+00',
      '1970-01-01 00:00:00+00',
      '2026-02-28 23:59:59.9+00',
      '2026-03-01 00:00:00',
      '2026-03-01T00:00:00.000001Z',
      '12026-01-01 00:00:00+00',
      '294276-12-31 23:59:59.999999+00',
      'infinity',
    ];
    const micros = stamps.map(microsOfStamp);
    expect(micros).toEqual(micros.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(micros).size).toBe(stamps.length);
    const first = microsOfStamp('1969-12-31 23:59:59.999999+00');
    expect(microsOfStamp('1970-01-01 00:00:00+00') - first).toBe(1n);
    expect(microsOfStamp('2000-01-01 00:00:00+00') - first).toBe(946_684_800_000_001n);
  });
});

describe(isoStamp, () => {
  test('keeps every digit, and gives null for what ISO 8601 cannot say', () => {
    expect(isoStamp('2026-01-31 12:00:00.123456+00')).toBe('2026-01-31T12:00:00.123456Z');
    expect(isoStamp('2026-01-31 12:00:00.5')).toBe('2026-01-31T12:00:00.500000Z');
    expect(isoStamp('infinity')).toBeNull();
    expect(isoStamp('0044-03-15 12:00:00+00 BC')).toBeNull();
  });
});
