import { describe, expect, test } from 'vitest';

import { ValueError } from '../errors/value-error.ts';
import type * as JsonModule from '../event/json.ts';
import { JsonNumber, type JsonValue } from '../event/json.ts';
import { canonicalJson } from './canonical-json.ts';
import { minifyJson } from './minify-json.ts';
import { parseJson } from './parse-json.ts';

const CANARY = 'canary-4711';

describe('canonicalJson', () => {
  test('writes the example of RFC 8785, section 3.2.2 and 3.2.3', () => {
    const value = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test('sorts keys by UTF-16 units', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6 };
    expect(Object.keys(JSON.parse(canonicalJson(value)) as object).length).toBe(6);
    expect([...canonicalJson(value).matchAll(/:(\d)/gu)].map((match) => match[1]).join('')).toBe(
      '246153',
    );
  });

  test('writes a JsonNumber of another copy of the library to the letter too', async () => {
    const path: string = '../event/json.ts?another-copy';
    const other = (await import(path)) as typeof JsonModule;
    const number = new other.JsonNumber('1.500');
    expect(number).not.toBeInstanceOf(JsonNumber);
    expect(JsonNumber.is(number)).toBe(true);
    expect(JsonNumber.is({ text: '1.500' })).toBe(false);
    expect(canonicalJson([number])).toBe('[1.500]');
  });

  test('writes -0 as 0 and a JsonNumber to the letter', () => {
    expect(canonicalJson([-0, new JsonNumber('1.500'), new JsonNumber('9007199254740993')])).toBe(
      '[0,1.500,9007199254740993]',
    );
  });

  test('T-18: keeps a key named __proto__', () => {
    expect(canonicalJson(parseJson('{"b":1,"__proto__":{"x":1}}'))).toBe(
      '{"__proto__":{"x":1},"b":1}',
    );
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  const cycle: Record<string, unknown> = {};
  cycle['self'] = [cycle];
  const sparse: unknown[] = [];
  sparse[2] = 1;
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['T-03: NaN', { row: [Number.NaN] }, '$.row[0]'],
    ['T-03: Infinity', { row: Number.POSITIVE_INFINITY }, '$.row'],
    ['undefined', { row: { inner: undefined } }, '$.row.inner'],
    ['T-01: bigint', { row: 1n }, '$.row'],
    ['a function', { row: () => CANARY }, '$.row'],
    ['a symbol', { row: Symbol(CANARY) }, '$.row'],
    ['T-14: a lone surrogate', { row: `${CANARY}\ud800` }, '$.row'],
    ['T-14: a lone surrogate in a key', { row: { [`${CANARY}\udc00`]: 1 } }, '$.row[…]'],
    ['a cycle', { row: cycle }, '$.row.self[0]'],
    ['a hole in an array', { row: sparse }, '$.row[0]'],
    ['a Date', { row: new Date(0) }, '$.row'],
    ['a Map', { row: new Map([[CANARY, 1]]) }, '$.row'],
    ['a JsonNumber that is none', { row: new JsonNumber(`1${CANARY}`) }, '$.row'],
    ['what stands behind others', { row: { a: [1, { b: 2 }], c: [3, undefined] } }, '$.row.c[1]'],
    ['an odd key', { row: { [`${CANARY}@example.org`]: undefined } }, '$.row[…]'],
  ];
  test.each(refused)('refuses %s, naming the path and not the value', (_name, value, path) => {
    let caught: unknown;
    try {
      canonicalJson(value as JsonValue);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(ValueError);
    expect(caught).toMatchObject({ column: 'row' });
    expect(String(caught)).toContain(`\`${path}\``);
    expect(String(caught)).not.toContain(CANARY);
  });

  test('writes every character as JSON.stringify does, and refuses halves of pairs', () => {
    for (let code = 0; code <= 0xffff; code += 1) {
      const text = `a${String.fromCharCode(code)}b`;
      const isHalf = code >= 0xd800 && code <= 0xdfff;
      if (isHalf) expect(() => canonicalJson(text)).toThrow(ValueError);
      else if (canonicalJson(text) !== JSON.stringify(text)) expect.fail(`U+${code.toString(16)}`);
    }
    expect(canonicalJson('a\u{1f600}b')).toBe('"a\u{1f600}b"');
  });

  test('writes texts as long as a value may be', () => {
    for (const text of [`${'a'.repeat(8_400_000)}€`, '漢'.repeat(8_400_000)]) {
      const json = canonicalJson(text);
      // Not told by `toBe`, which would print them.
      expect(json === `"${text}"`).toBe(true);
      expect(() => canonicalJson(`${text}\ud800`)).toThrow('a lone surrogate');
    }
  });

  test('an object may stand in several places', () => {
    const twice = { x: [1] };
    expect(canonicalJson({ b: twice, a: [twice, twice] })).toBe(
      '{"a":[{"x":[1]},{"x":[1]}],"b":{"x":[1]}}',
    );
  });

  test('refuses what is too deep instead of overflowing the stack', () => {
    let value: JsonValue = 1;
    for (let level = 0; level < 100_000; level += 1) value = [value];
    expect(() => canonicalJson(value)).toThrow(ValueError);
  });
});

describe('minifyJson', () => {
  test.each([
    [' { "a" : 1 , "a" : [ 1 , 2 ] } ', '{"a":1,"a":[1,2]}'],
    ['\t[\n]\r\n', '[]'],
    ['{ }', '{}'],
    ['{"b": "\\u0061 \\/ x\\ty", "a": 1.50e+10}', '{"b":"\\u0061 \\/ x\\ty","a":1.50e+10}'],
    [
      '[9007199254740993, 12345678901234567890.1200, -0]',
      '[9007199254740993,12345678901234567890.1200,-0]',
    ],
    ['"  spaces  "', '"  spaces  "'],
    [' null ', 'null'],
    ['"\\ud800"', '"\\ud800"'],
    ['[[],{},[{}]]', '[[],{},[{}]]'],
  ])('turns %j into %j', (text, expected) => {
    expect(minifyJson(text)).toBe(expected);
  });

  test('works for any depth', () => {
    const depth = 200_000;
    expect(minifyJson(`${'[ '.repeat(depth)}${' ]'.repeat(depth)}`)).toBe(
      '['.repeat(depth) + ']'.repeat(depth),
    );
  });
});

const NOT_JSON: readonly string[] = [
  '',
  ' ',
  '{',
  '[',
  ']',
  '[1',
  '[1,',
  '[1,]',
  '[,1]',
  '[1 2]',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{a:1}',
  '{1:1}',
  '{"a":1 "b":2}',
  '[1}',
  '{"a":1]',
  '01',
  '-',
  '+1',
  '1.',
  '.1',
  '1e',
  '1e+',
  '0x1',
  'NaN',
  'Infinity',
  'nul',
  'nulll',
  'true false',
  '"',
  '"a',
  '"\\x"',
  '"\\u12"',
  '"\\u12g4"',
  '"\n"',
  '"\u0000"',
  "'a'",
  '1 2',
  '\u00a01',
  '\ufeff1',
  '[1]]',
  '{}}',
  '/**/1',
];
describe.each([
  ['minifyJson', minifyJson],
  ['parseJson', parseJson],
])('%s', (_name, read) => {
  test.each(NOT_JSON)('refuses %j', (text) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(() => read(text)).toThrow(ValueError);
  });

  test('does not quote the text in its error', () => {
    expect(() => read(`{"a": ${CANARY}}`)).toThrow(
      'Expected JSON text, got something else at offset 6.',
    );
  });
});

describe('parseJson', () => {
  test.each([
    ['1', 1],
    ['1.0', 1],
    ['1.50', 1.5],
    ['-0', -0],
    ['0e999999999', 0],
    ['1E2', 100],
    ['100e-2', 1],
    ['0.1', 0.1],
    ['5e-324', 5e-324],
    ['9007199254740992', 9007199254740992],
    ['0.00001e5', 1],
  ])('T-01: reads %s as a number', (text, expected) => {
    expect(parseJson(text)).toBe(expected);
  });

  test.each([
    '9007199254740993',
    '12345678901234567890.123456789000',
    '1e400',
    '-1e400',
    '1e-400',
    '0.1000000000000000055',
    '1e99999999999999999999',
    '1e-99999999999999999999',
    '123456789012345678901234567890',
    '4e-324',
  ])('T-02: keeps %s as text', (text) => {
    const parsed = parseJson(text);
    expect(parsed).toBeInstanceOf(JsonNumber);
    expect(canonicalJson(parsed)).toBe(text);
  });

  test('T-18: gives objects without a prototype and keeps __proto__', () => {
    const parsed = parseJson('{"__proto__":{"polluted":1},"constructor":2,"a":1,"a":3}');
    expect(Object.getPrototypeOf(parsed)).toBeNull();
    expect(Object.keys(parsed as object)).toEqual(['__proto__', 'constructor', 'a']);
    expect((parsed as { a: number }).a).toBe(3);
  });

  test('limits the depth', () => {
    expect(parseJson('[[1]]', { maxDepth: 2 })).toEqual([[1]]);
    expect(() => parseJson('[[[1]]]', { maxDepth: 2 })).toThrow('at most 2 levels');
    expect(() => parseJson('['.repeat(100_000))).toThrow(ValueError);
    expect(() => parseJson('1', { maxDepth: 0 })).toThrow(/Expected `maxDepth`/u);
  });
});
