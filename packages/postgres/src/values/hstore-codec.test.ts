import { ValueError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { hstoreCodec } from './hstore-codec.ts';
import { toJson } from './value-codec.ts';

describe('hstoreCodec', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', '{}'],
    ['"a"=>"1"', '{"a":"1"}'],
    ['"b"=>NULL, "aa"=>"NULL"', '{"aa":"NULL","b":null}'],
    ['"\\"=>\\\\"=>", "', '{"\\"=>\\\\":", "}'],
    ['""=>"", "__proto__"=>"x"', '{"":"","__proto__":"x"}'],
    ['"\uffee"=>"1", "😀"=>"2"', '{"\uffee":"1","😀":"2"}'],
  ];
  for (const [text, json] of cases) {
    test(`T-17: writes ${text} as ${json}`, () => {
      expect(toJson(hstoreCodec, text)).toBe(json);
      expect(JSON.stringify(hstoreCodec.toValue(text))).toBe(json);
    });
  }

  test('T-18: keeps the key __proto__ and has no prototype', () => {
    const value = hstoreCodec.toValue('"__proto__"=>"x"');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBeNull();
  });

  for (const text of [
    'a=>1',
    '"a"',
    '"a"=>',
    '"a"=>"1",',
    '"a"=>"1","b"=>"2"',
    '"a"=>null',
    '"a=>"1"',
    '"a"=>"1" ',
  ]) {
    test(`I9: refuses ${text}`, () => {
      expect(() => toJson(hstoreCodec, text)).toThrow(ValueError);
    });
  }
});
