import { parseJson, ValueError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import {
  dateCodec,
  intervalCodec,
  timeCodec,
  timestampCodec,
  timestamptzCodec,
  timetzCodec,
} from './date-time-codecs.ts';
import { toJson, type ValueCodec } from './value-codec.ts';

type Cases = readonly (readonly [string, string])[];

const WRITTEN: readonly (readonly [string, ValueCodec, Cases])[] = [
  [
    'dateCodec',
    dateCodec,
    [
      '2026-01-31',
      '0001-01-01',
      '9999-12-31',
      '5874897-12-31',
      '4714-11-24 BC',
      'infinity',
      '-infinity',
    ].map((text) => [text, text]),
  ],
  [
    'timeCodec',
    timeCodec,
    ['00:00:00', '23:59:59.999999', '24:00:00', '12:00:00.5'].map((text) => [text, text]),
  ],
  [
    'T-07: timetzCodec',
    timetzCodec,
    ['24:00:00+02', '00:00:00.1-12:30', '12:00:00+15:59:59'].map((text) => [text, text]),
  ],
  [
    'timestampCodec',
    timestampCodec,
    [
      ['2026-01-31 12:34:56', '2026-01-31T12:34:56.000000'],
      ['2026-01-31 12:34:56.1', '2026-01-31T12:34:56.100000'],
      ['2026-01-31 12:34:56.12', '2026-01-31T12:34:56.120000'],
      ['2026-01-31 12:34:56.00001', '2026-01-31T12:34:56.000010'],
      ['2026-01-31 12:34:56.123456', '2026-01-31T12:34:56.123456'],
      ['infinity', 'infinity'],
      ['-infinity', '-infinity'],
      ['0044-03-15 10:00:00 BC', '0044-03-15 10:00:00 BC'],
      ['294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999'],
    ],
  ],
  [
    'timestamptzCodec',
    timestamptzCodec,
    [
      ['2026-01-31 12:34:56+00', '2026-01-31T12:34:56.000000Z'],
      ['2026-01-31 12:34:56.7+00', '2026-01-31T12:34:56.700000Z'],
      ['2026-01-31 12:34:56.123456+00', '2026-01-31T12:34:56.123456Z'],
      ['infinity', 'infinity'],
      ['0044-03-15 10:00:00+00 BC', '0044-03-15 10:00:00+00 BC'],
      ['294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59.999999+00'],
    ],
  ],
  [
    'T-08: intervalCodec',
    intervalCodec,
    ['PT0S', 'P1Y2M3DT4H5M6.789S', 'P-1Y-2M-3DT-4H-5M-6.7S', 'infinity', '-infinity'].map(
      (text) => [text, text],
    ),
  ],
];

const REFUSED: readonly (readonly [string, ValueCodec, readonly string[]])[] = [
  [
    'dateCodec',
    dateCodec,
    ['', '01/31/2026', '31.01.2026', '01-31-2026', '2026-1-31', '2026-01-31"'],
  ],
  ['timeCodec', timeCodec, ['', '12:00', '12:00:00.', '12:00:00.1234567', '12:00:00"', '1:00:00']],
  [
    'timetzCodec',
    timetzCodec,
    [
      '',
      '12:00:00',
      '12:00:00+',
      '12:00:00+2',
      '12:00:00+02:',
      '12:00:00+02:00:00:00',
      '12:00:00.+02',
    ],
  ],
  [
    'timestampCodec',
    timestampCodec,
    [
      '',
      '2026-01-31',
      '2026-01-31T12:00:00',
      '2026-01-31 12:00:00+00',
      '31/01/2026 12:00:00',
      '31.01.2026 12:00:00',
      'Sat Jan 31 12:00:00 2026',
      '2026-01-31 12:00:00.1234567',
      '2026-01-31 12:00:00"',
    ],
  ],
  [
    'timestamptzCodec',
    timestamptzCodec,
    [
      '',
      '2026-01-31 12:00:00',
      '2026-01-31 12:00:00+05:30',
      '2026-01-31 12:00:00+02',
      '2026-01-31 12:00:00-00',
      '2026-01-31 12:00:00.+00',
      '0044-03-15 10:00:00+00:53 BC',
      'Sat Jan 31 12:00:00 2026 UTC',
      '31.01.2026 12:00:00 UTC',
    ],
  ],
  [
    'intervalCodec',
    intervalCodec,
    ['', 'P', '1 day', '@ 1 day', '1-2', '+1-2 -3 +4:05:06', '00:00:00', 'P1"'],
  ],
];

for (const [name, codec, cases] of WRITTEN) {
  describe(`${name}`, () => {
    for (const [text, value] of cases) {
      test(`writes ${text} as ${value}`, () => {
        expect(toJson(codec, text)).toBe(JSON.stringify(value));
        expect(codec.toValue(text)).toEqual(parseJson(toJson(codec, text)));
      });
    }
  });
}

for (const [name, codec, cases] of REFUSED) {
  describe(`${name}`, () => {
    for (const text of cases) {
      test(`I9: refuses ${JSON.stringify(text)}, which no pinned session prints`, () => {
        expect(() => toJson(codec, text)).toThrow(ValueError);
        expect(() => codec.toValue(text)).toThrow(ValueError);
      });
    }
  });
}
