import fc from 'fast-check';

import type { TypeCase } from './oracle.ts';

const pad = (value: number, length = 2): string => String(value).padStart(length, '0');

const date = (maxYear: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom('infinity', '-infinity', 'epoch', '0001-01-01', '0001-12-31 BC', '9999-12-31'),
    fc
      .tuple(
        fc.oneof(fc.integer({ min: 1900, max: 2100 }), fc.integer({ min: 1, max: maxYear })),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 28 }),
      )
      .map(([year, month, day]) => `${pad(year, 4)}-${pad(month)}-${pad(day)}`),
    fc
      .tuple(fc.integer({ min: 1, max: 4700 }), fc.integer({ min: 1, max: 12 }))
      .map(([year, month]) => `${pad(year, 4)}-${pad(month)}-15 BC`),
  );

const time = fc.oneof(
  fc.constantFrom('00:00:00', '24:00:00', '23:59:59.999999', '12:00:00.5'),
  fc
    .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999), fc.nat(6))
    .map(([hour, minute, second, micros, precision]) => {
      const fraction = pad(micros, 6).slice(0, precision);
      return `${pad(hour)}:${pad(minute)}:${pad(second)}${fraction === '' ? '' : `.${fraction}`}`;
    }),
);

const zone = fc.oneof(
  fc.constantFrom('+00', '-00', '+02', '-12:30', '+15:59:59', '-15:59:59'),
  fc
    .tuple(fc.constantFrom('+', '-'), fc.nat(15), fc.nat(59))
    .map(([sign, hour, minute]) => `${sign}${pad(hour)}:${pad(minute)}`),
);

/** A date with a time in its middle: `BC` comes last. */
function join(day: string, clock: string): string {
  if (day.endsWith('infinity') || day === 'epoch') return day;
  const isBc = day.endsWith(' BC');
  return isBc ? `${day.slice(0, -3)} ${clock} BC` : `${day} ${clock}`;
}

const timestamp = fc.tuple(date(294_275), time).map(([day, clock]) => join(day, clock));
const timestamptz = fc
  .tuple(date(294_275), time, zone)
  .map(([day, clock, offset]) => join(day, clock + offset));

const interval = fc.oneof(
  fc.constantFrom('0', '1 day -1 hour', '-0.000001 second', '178000000 years'),
  fc
    .tuple(
      fc.integer({ min: -9999, max: 9999 }),
      fc.integer({ min: -11, max: 11 }),
      fc.integer({ min: -400, max: 400 }),
      fc.integer({ min: -99_999, max: 99_999 }),
      fc.integer({ min: -99_999_999, max: 99_999_999 }),
    )
    .map(
      ([years, months, days, hours, micros]) =>
        `${years} years ${months} mons ${days} days ${hours} hours ${micros} microseconds`,
    ),
);

/** The types of date and time. */
export const TIME_CASES: readonly TypeCase[] = [
  { type: 'date', literals: date(5_874_896) },
  { type: 'time', literals: time },
  { type: 'time(2)', literals: time },
  { type: 'timetz', literals: fc.tuple(time, zone).map(([clock, offset]) => clock + offset) },
  { type: 'timestamp', literals: timestamp },
  { type: 'timestamp(3)', literals: timestamp },
  { type: 'timestamptz', literals: timestamptz },
  { type: 'timestamptz(0)', literals: timestamptz },
  { type: 'interval', literals: interval },
];

const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map(String);
const point = fc.tuple(number, number).map(([x, y]) => `(${x},${y})`);
const twoPoints = fc.tuple(point, point).map((points) => points.join(','));
const manyPoints = fc
  .array(point, { minLength: 1, maxLength: 4 })
  .map((points) => points.join(','));

const range = (low: string, high: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom('empty', '(,)', `[${low},)`, `(,${high}]`, `[${low},${high})`),
    fc
      .tuple(fc.constantFrom('[', '('), fc.constantFrom(']', ')'))
      .map(([open, close]) => `${open}${low},${high}${close}`),
  );

const multirange = (low: string, high: string): fc.Arbitrary<string> =>
  fc.array(range(low, high), { maxLength: 2 }).map((ranges) => `{${ranges.join(',')}}`);

const RANGES: readonly (readonly [string, string, string])[] = [
  ['int4', '-5', '7'],
  ['int8', '-9007199254740993', '9007199254740993'],
  ['num', '-1.500', '12345678901234567890.10'],
  ['date', '2026-01-01', 'infinity'],
  ['ts', '"2026-01-01 00:00:00.5"', '"2026-02-01 12:00:00"'],
  ['tstz', '"2026-01-01 00:00:00.5+05:30"', '"2026-02-01 12:00:00+00"'],
];

/** Geometric types, whose `=` compares areas or does not exist, and ranges. */
export const SHAPE_CASES: readonly TypeCase[] = [
  { type: 'point', literals: point, hasEquality: false },
  { type: 'lseg', literals: twoPoints.map((points) => `[${points}]`), hasEquality: false },
  { type: 'box', literals: twoPoints, hasEquality: false, delimiter: ';' },
  { type: 'path', literals: manyPoints.map((points) => `[${points}]`), hasEquality: false },
  { type: 'polygon', literals: manyPoints.map((points) => `(${points})`), hasEquality: false },
  { type: 'line', literals: fc.constantFrom('{1,2,3}', '{-1.5,1e-7,0}'), hasEquality: false },
  {
    type: 'circle',
    literals: fc.tuple(point, fc.nat()).map(([center, radius]) => `<${center},${radius}>`),
    hasEquality: false,
  },
  ...RANGES.map(([name, low, high]) => ({ type: `${name}range`, literals: range(low, high) })),
  ...RANGES.map(([name, low, high]) => ({
    type: `${name}multirange`,
    literals: multirange(low, high),
  })),
];
