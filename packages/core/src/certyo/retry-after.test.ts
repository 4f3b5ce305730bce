import { describe, expect, test } from 'vitest';

import { MAX_RETRY_AFTER_MS, parseRetryAfter } from './retry-after.ts';

// 1994-11-06 08:49:37 UTC, the example of RFC 9110; our clock is two hours ahead of the server's.
const SERVER = 'Sun, 06 Nov 1994 08:49:37 GMT';
const OURS = Date.UTC(1994, 10, 6, 10, 49, 37);

describe('parseRetryAfter', () => {
  const table: readonly (readonly [string | null, string | null, number | null])[] = [
    [null, SERVER, null],
    ['', SERVER, null],
    ['0', SERVER, 0],
    ['1', SERVER, 1000],
    [' 5 ', SERVER, 5000],
    ['1.5', SERVER, 1500],
    ['600', SERVER, MAX_RETRY_AFTER_MS],
    ['601', SERVER, MAX_RETRY_AFTER_MS],
    ['99999999999999999999', SERVER, MAX_RETRY_AFTER_MS],
    // More than 2^31-1 ms: a timer of it would fire at once.
    ['2147484', SERVER, MAX_RETRY_AFTER_MS],
    ['-5', SERVER, null],
    ['1e3', SERVER, null],
    ['0x10', SERVER, null],
    ['Infinity', SERVER, null],
    ['soon', SERVER, null],
    ['5 seconds', SERVER, null],
    // Date.parse takes this for a date.
    ['later 1', SERVER, null],
    ['Sun, 06 Nov 1994 08:49:47 GMT', SERVER, 10_000],
    ['Sunday, 06-Nov-94 08:49:47 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 10_000],
    ['Sun Nov  6 08:49:47 1994', SERVER, 10_000],
    ['Sun, 06 Nov 1994 08:49:27 GMT', SERVER, 0],
    ['Sun, 06 Nov 2994 08:49:37 GMT', SERVER, MAX_RETRY_AFTER_MS],
    ['Sun, 06 Nov 1994 10:49:40 GMT', null, 3000],
    ['Sun, 06 Nov 1994 10:49:40 GMT', 'no date', 3000],
    ['Sun, 06 Foo 1994 08:49:47 GMT', SERVER, null],
    ['1994-11-06T08:49:47Z', SERVER, null],
  ];
  test.each(table)('H-10: %j with Date %j is %j ms', (retryAfter, date, expected) => {
    expect(parseRetryAfter(retryAfter, date, OURS)).toBe(expected);
  });
});
