import { describe, expect, test } from 'vitest';

import { hasCapturedSince, type Replacement } from './read-replacements.ts';

const line = (before: string, after: string, more: Partial<Replacement> = {}): Replacement => ({
  relation: '7',
  name: 'trigger',
  before,
  after,
  provides: ['rows', 'more'],
  ...more,
});

const since = (first: string, version: string, lines: readonly Replacement[]): boolean =>
  hasCapturedSince(
    lines,
    { relation: '7', name: 'trigger', version, needs: ['rows'] },
    (one) => one === first,
  );

describe('hasCapturedSince', () => {
  test('follows replacements backwards, in any order, also through circles', () => {
    expect(since('a', 'a', [])).toBe(true);
    expect(since('a', 'b', [])).toBe(false);
    const chain = [line('c', 'd'), line('a', 'b'), line('b', 'c'), line('d', 'b')];
    expect(since('a', 'd', chain)).toBe(true);
    expect(since('d', 'a', chain)).toBe(false);
    expect(since('a', 'e', chain)).toBe(false);
    expect(since('x', 'd', chain)).toBe(false);
  });

  test.each([
    ['of another table', { relation: '8' }],
    ['of another trigger', { name: 'other' }],
    ['by one that does less', { provides: ['more'] }],
  ])('one link %s breaks it', (_name, more) => {
    expect(since('a', 'c', [line('a', 'b'), line('b', 'c')])).toBe(true);
    expect(since('a', 'c', [line('a', 'b'), line('b', 'c', more)])).toBe(false);
    expect(since('a', 'c', [line('a', 'b', more), line('b', 'c')])).toBe(false);
  });
});
