import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decimal } from './decimal.ts';

describe('decimal', () => {
  test('it writes what String writes', () => {
    for (const n of [0, 7, 999, 1_000, 1_001, 1_099, 999_999, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(decimal(n)).toBe(String(n));
    }
    fc.assert(fc.property(fc.maxSafeNat(), (n) => decimal(n) === String(n)));
  });
});
