import { ValueError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { createArrayCodec } from './array-codec.ts';
import { jsonCodec } from './json-codec.ts';
import { byteaCodec, int8Codec, intCodec, textCodec } from './scalar-codecs.ts';
import { toJson, type ValueCodec } from './value-codec.ts';

const texts = createArrayCodec(textCodec, ',');

describe('createArrayCodec', () => {
  const cases: readonly (readonly [string, ValueCodec, string])[] = [
    ['{}', texts, '[]'],
    ['{"x,y",NULL,"NULL","{}"}', texts, '["x,y",null,"NULL","{}"]'],
    ['{"",null,Null,"a\\"b","c\\\\d"," e "}', texts, '["","null","Null","a\\"b","c\\\\d"," e "]'],
    ['{{1,2},{3,NULL}}', createArrayCodec(intCodec, ','), '[[1,2],[3,null]]'],
    ['{{{1}},{{2}}}', createArrayCodec(int8Codec, ','), '[[["1"]],[["2"]]]'],
    ['[0:1]={7,8}', createArrayCodec(intCodec, ','), '"[0:1]={7,8}"'],
    ['[2:2][1:1]={{"a b"}}', texts, '"[2:2][1:1]={{\\"a b\\"}}"'],
    [
      '{(1,1),(0,0);(2,2),(1,1);NULL}',
      createArrayCodec(textCodec, ';'),
      '["(1,1),(0,0)","(2,2),(1,1)",null]',
    ],
    [
      '{"{\\"a\\": 1.50, \\"b\\": \\"\\\\\\\\\\"}"}',
      createArrayCodec(jsonCodec, ','),
      '[{"a":1.50,"b":"\\\\"}]',
    ],
    ['{"\\\\x00ff"}', createArrayCodec(byteaCodec, ','), '["\\\\x00ff"]'],
    ['{"{1,2}","{}"}', createArrayCodec(createArrayCodec(intCodec, ','), ','), '[[1,2],[]]'],
  ];

  for (const [text, codec, json] of cases) {
    test(`T-10: writes ${text} as ${json}`, () => {
      expect(toJson(codec, text)).toBe(json);
      expect(codec.toValue(text)).toEqual(JSON.parse(json));
    });
  }

  const broken = [
    '',
    '{',
    '}',
    '{a',
    '{a}}',
    '{a}b',
    '{,}',
    '{a,}',
    '{"a}',
    '{"a"b}',
    '{a{b}}',
    '{a"b"}',
    '{"a\\',
    '{{a}',
    'a',
  ];
  for (const text of broken) {
    test(`I9: refuses ${JSON.stringify(text)}`, () => {
      expect(() => toJson(texts, text)).toThrow(ValueError);
      expect(() => texts.toValue(text)).toThrow(ValueError);
    });
  }

  test('values given to mappers cannot be changed', () => {
    expect(Object.isFrozen(texts.toValue('{a}'))).toBe(true);
  });
});
