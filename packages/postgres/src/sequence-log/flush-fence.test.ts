import { describe, expect, test } from 'vitest';

import { FlushMarks, isFlushed } from './flush-fence.ts';

const PAGE = 8192n;

describe('isFlushed', () => {
  test.each([
    ['behind', 1000n, 1000n, true],
    ['before', 1001n, 1000n, false],
    ['the header of a page that is not begun', 5n * PAGE + 24n, 5n * PAGE, true],
    ['a record in that page', 5n * PAGE + 32n, 5n * PAGE, false],
    ['the header of a segment', 2n ** 24n + 40n, 2n ** 24n, true],
    ['a record of that length in another page', 2n ** 24n + PAGE + 40n, 2n ** 24n + PAGE, false],
    ['before the end of the page before', 5n * PAGE + 24n, 5n * PAGE - 8n, false],
  ])('%s', (_name, written, flushed, expected) => {
    expect(isFlushed(written, flushed)).toBe(expected);
  });
});

describe('FlushMarks', () => {
  test('knows what ended and was drawn before something that is on disk', () => {
    const marks = new FlushMarks();
    marks.note({ written: 100n, horizon: 7n, drawn: 20n }, 50n);
    expect(marks).toMatchObject({ horizon: 0n, drawn: 0n });
    marks.note({ written: 200n, horizon: 9n, drawn: 30n }, 150n);
    expect(marks).toMatchObject({ horizon: 7n, drawn: 20n });
    marks.advance(200n);
    expect(marks).toMatchObject({ horizon: 9n, drawn: 30n });
  });

  test('stays small while the disk hangs, and learns the newest all the same', () => {
    const marks = new FlushMarks();
    for (let i = 1n; i <= 1000n; i += 1n) marks.note({ written: i, horizon: i, drawn: i }, 0n);
    marks.advance(1000n);
    expect(marks).toMatchObject({ horizon: 1000n, drawn: 1000n });
  });
});
