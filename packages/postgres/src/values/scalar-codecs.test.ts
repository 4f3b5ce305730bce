import { parseJson, ValueError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import {
  boolCodec,
  byteaCodec,
  floatCodec,
  int8Codec,
  intCodec,
  moneyCodec,
  numericCodec,
  textCodec,
} from './scalar-codecs.ts';
import { toJson, type ValueCodec } from './value-codec.ts';

/** What each codec writes for what PostgreSQL prints. */
const WRITTEN: readonly (readonly [string, ValueCodec, readonly (readonly [string, string])[]])[] =
  [
    [
      'boolCodec',
      boolCodec,
      [
        ['t', 'true'],
        ['f', 'false'],
        ['true', 'true'],
        ['false', 'false'],
      ],
    ],
    ['intCodec', intCodec, ['0', '-1', '2147483647', '-2147483648', '4294967295'].map(same)],
    [
      'T-03: floatCodec',
      floatCodec,
      [
        ...['0', '1', '-1.5', '0.1', '1e+20', '1.7976931348623157e+308', '5e-324'].map(same),
        ['NaN', '"NaN"'],
        ['Infinity', '"Infinity"'],
        ['-Infinity', '"-Infinity"'],
        ['-0', '"-0"'],
      ],
    ],
    [
      'T-01: int8Codec',
      int8Codec,
      ['0', '9007199254740993', '-9223372036854775808', '18446744073709551615'].map(quoted),
    ],
    [
      'T-02: numericCodec',
      numericCodec,
      [
        '0',
        '0.000',
        '-1.500',
        '12345678901234567890.123456789000',
        'NaN',
        'Infinity',
        '-Infinity',
        '9'.repeat(200),
      ].map(quoted),
    ],
    [
      'T-17: moneyCodec',
      moneyCodec,
      ['$0.00', '-$1.00', '$999.99', '$1,234.50', '-$92,233,720,368,547,758.08'].map(quoted),
    ],
    [
      'byteaCodec',
      byteaCodec,
      [
        ['\\x', '"\\\\x"'],
        ['\\x00ff', '"\\\\x00ff"'],
      ],
    ],
    [
      'textCodec',
      textCodec,
      [
        ['', '""'],
        ['a"b\\c\n\u0001\u007f\u2028é😀', '"a\\"b\\\\c\\n\\u0001\u007f\u2028é😀"'],
      ],
    ],
  ];

const REFUSED: readonly (readonly [string, ValueCodec, readonly string[]])[] = [
  ['boolCodec', boolCodec, ['', 'T', '1', 'yes']],
  ['intCodec', intCodec, ['', '-', '-0', '01', '1.0', '1e3', ' 1', '1 ', '12345678901234', '１']],
  [
    'floatCodec',
    floatCodec,
    ['', '-', '.5', '5.', '01', '1e', '1e+', 'inf', 'nan', '+1', '1,5', '1 ', '0x1', '1E5'],
  ],
  ['int8Codec', int8Codec, ['', '-', '-0', '007', '1.5', '1"', '1'.repeat(21)]],
  ['numericCodec', numericCodec, ['', '-', '.5', '5.', '1e5', 'nan', '1,000', '1"', '--1']],
  [
    'moneyCodec',
    moneyCodec,
    ['', '$', '1.00', '$1', '$1234.50', '$1,23.00', '1.234,50 €', '$1.00"', '($1.00)', '€1.00'],
  ],
  ['byteaCodec', byteaCodec, ['', 'abc', '\\001', '\\x0', '\\x0g', '\\xAB', '\\\\x00', '\\x"0']],
];

function same(text: string): readonly [string, string] {
  return [text, text];
}

function quoted(text: string): readonly [string, string] {
  return [text, `"${text}"`];
}

for (const [name, codec, cases] of WRITTEN) {
  describe(`${name}`, () => {
    for (const [text, json] of cases) {
      test(`writes ${text.slice(0, 40)} as ${json.slice(0, 40)}`, () => {
        expect(toJson(codec, text)).toBe(json);
      });

      test(`gives mappers the same value for ${text.slice(0, 40)}`, () => {
        expect(codec.toValue(text)).toEqual(parseJson(json));
      });
    }
  });
}

for (const [name, codec, cases] of REFUSED) {
  describe(`${name}`, () => {
    for (const text of cases) {
      test(`I9: refuses ${JSON.stringify(text)}, which the server does not print`, () => {
        expect(() => toJson(codec, text)).toThrow(ValueError);
        expect(() => codec.toValue(text)).toThrow(ValueError);
      });
    }
  });
}

test('I11: a refused text is not in the error', () => {
  for (const [, codec] of REFUSED) {
    expect(() => toJson(codec, 'CANARY')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('CANARY') }),
    );
  }
});
