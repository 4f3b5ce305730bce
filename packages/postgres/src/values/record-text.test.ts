import { ValueError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { parseRecordText } from './record-text.ts';

describe('parseRecordText', () => {
  const cases: readonly (readonly [string, readonly (string | null)[]])[] = [
    ['("a\\"b")', ['a"b']],
    ['()', [null]],
    ['(,)', [null, null]],
    ['("")', ['']],
    ['(1,"a ""b""",,"")', ['1', 'a "b"', null, '']],
    ['("a,b","(c)","d\\\\e","f\ng")', ['a,b', '(c)', 'd\\e', 'f\ng']],
    ['("(1,""x """"y"""""")")', ['(1,"x ""y""")']],
  ];
  for (const [text, fields] of cases) {
    test(`T-11: reads ${JSON.stringify(text)}`, () => {
      expect(parseRecordText(text)).toEqual(fields);
    });
  }

  for (const text of [
    '',
    '(',
    '(a',
    'a)',
    '(a)b',
    '("a)',
    '("a"b)',
    '(a"b")',
    '(a))',
    '((a)',
    '(a\\)',
  ]) {
    test(`I9: refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseRecordText(text)).toThrow(ValueError);
    });
  }
});
