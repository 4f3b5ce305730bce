import { describe, expect, test } from 'vitest';

import { TransactionEnds } from './transaction-ends.ts';

/** Rows numbered from `first`, by transaction. */
function rows(first: number, xids: string): { sequence: bigint; xid: bigint }[] {
  return [...xids].map((letter, i) => ({
    sequence: BigInt(first + i),
    xid: BigInt(letter.codePointAt(0) ?? 0),
  }));
}

describe('TransactionEnds', () => {
  test('a page that holds whole transactions ends at its end, also behind numbers without rows', () => {
    const ends = new TransactionEnds(0n, 100);
    expect(ends.advance(rows(1, 'aabb'), [], false, 4n)).toBe(4n);
    expect(ends.advance([], [], false, 7n)).toBe(7n);
    expect(ends.advance([], [], false, 7n)).toBeNull();
  });

  test('a transaction with rows behind the page does not end in it', () => {
    const ends = new TransactionEnds(0n, 100);
    expect(ends.advance(rows(1, 'aab'), rows(5, 'bc'), false, 3n)).toBe(2n);
    expect(ends.advance(rows(4, 'xb'), [], false, 5n)).toBe(5n);
  });

  test('one that straddles another takes it along', () => {
    const ends = new TransactionEnds(0n, 100);
    // a ends at 1; b holds 2 and 6, and c, which lies within, is no end either.
    expect(ends.advance(rows(1, 'abccc'), rows(6, 'b'), false, 5n)).toBe(1n);
    expect(ends.advance(rows(6, 'b'), [], false, 6n)).toBe(6n);
  });

  test('the last transaction of a full page is open until the next page', () => {
    const ends = new TransactionEnds(0n, 100);
    expect(ends.advance(rows(1, 'aab'), rows(4, 'b'), true, 3n)).toBe(2n);
    expect(ends.advance(rows(4, 'bbb'), rows(7, 'c'), true, 6n)).toBe(6n);
  });

  test('a transaction of many pages is not cut, however long it is', () => {
    const ends = new TransactionEnds(0n, 4);
    for (let page = 0; page < 10; page += 1)
      expect(
        ends.advance(
          rows(1 + page * 3, 'aaa'),
          rows(4 + page * 3, 'a'),
          true,
          3n + BigInt(page * 3),
        ),
      ).toBeNull();
    expect(ends.advance(rows(31, 'a'), [], false, 31n)).toBe(31n);
  });

  test('transactions that interleave without end are cut', () => {
    const ends = new TransactionEnds(0n, 6);
    expect(ends.advance(rows(1, 'abab'), rows(5, 'abc'), true, 4n)).toBeNull();
    expect(ends.advance(rows(5, 'abc'), rows(8, 'abc'), true, 7n)).toBe(7n);
    expect(ends.advance(rows(8, 'abc'), [], false, 10n)).toBe(10n);
  });

  test('without transaction ids every row is an end', () => {
    const ends = new TransactionEnds(0n, 6);
    const page = [1n, 2n].map((sequence) => ({ sequence, xid: null }));
    expect(ends.advance(page, [{ sequence: 3n, xid: null }], true, 2n)).toBe(2n);
  });
});
