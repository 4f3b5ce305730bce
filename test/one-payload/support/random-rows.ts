import fc from 'fast-check';
import { COLUMNS, type Column } from './columns-of-every-kind.ts';

/** From `FC_SEED`, or another one for each run. */
export const seed: number = Number(process.env['FC_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const text = fc
  .string({ unit: 'binary', maxLength: 30 })
  .map((value) => value.replaceAll('\0', ''));
const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: min, maxLength: max });
const pad = (value: number, length = 2): string => String(value).padStart(length, '0');
const double = fc
  .double({ noNaN: true })
  .map((value) => (Object.is(value, -0) ? '-0' : `${value}`));
const timestamp = fc
  .tuple(
    fc.integer({ min: 1, max: 20_000 }),
    fc.nat(11),
    fc.nat(27),
    fc.nat(86_399),
    fc.nat(999_999),
  )
  .map(([year, month, day, second, micros]) => {
    const clock = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map(
      (part) => pad(part),
    );
    return `${pad(year, 4)}-${pad(month + 1)}-${pad(day + 1)} ${clock.join(':')}.${pad(micros, 6)}`;
  });
const json = fc
  .oneof(
    fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
    fc
      .tuple(digits(1, 40), digits(1, 40))
      .map(([a, b]) => `{"b": 1${a}.${b}, "a" : [1e${a.length}, -0.${b}00]}`),
  )
  // jsonb refuses what it cannot hold: NUL and unpaired surrogates.
  .filter((value) => !/\\u(?:0000|[dD][89a-fA-F])/.test(value));
const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
const list = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .array(fc.option(item), { maxLength: 4 })
    .map((items) => `{${items.map((one) => (one === null ? 'NULL' : quoted(one))).join(',')}}`);

/** Random texts of the types whose values differ most; the others take theirs by chance. */
const RANDOM: Readonly<Record<string, fc.Arbitrary<string>>> = {
  int8: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  numeric: fc
    .tuple(fc.constantFrom('', '-'), digits(1, 60), digits(1, 40))
    .map(([sign, a, b]) => `${sign}${a}.${b}`),
  float4: fc.float({ noNaN: true }).map(String),
  float8: double,
  money: fc
    .tuple(fc.constantFrom('', '-'), fc.nat(), digits(2, 2))
    .map(([sign, a, b]) => `${sign}${a}.${b}`),
  text,
  bytea: fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  json,
  jsonb: json,
  timestamp,
  timestamptz: timestamp.map((value) => `${value}+05:30`),
  interval: fc
    .tuple(
      fc.integer({ min: -99, max: 99 }),
      fc.integer({ min: -400, max: 400 }),
      fc.integer({ min: -1e9, max: 1e9 }),
    )
    .map(([months, days, micros]) => `${months} mons ${days} days ${micros} microseconds`),
  uuid: fc.uuid(),
  'text[]': list(text),
  'float8[]': list(double),
  'timestamptz[]': list(timestamp.map((value) => `${value}-13:30`)),
  'jsonb[]': list(json),
  'app.hstore': fc
    .array(fc.tuple(text, fc.option(text)), { maxLength: 4 })
    .map((pairs) =>
      pairs
        .map(([key, value]) => `${quoted(key)}=>${value === null ? 'NULL' : quoted(value)}`)
        .join(','),
    ),
};

/** One column per type, those with random values twice. */
export function randomColumns(): readonly Column[] {
  const twice = COLUMNS.filter(({ type }) => RANDOM[type] !== undefined);
  return [...COLUMNS, ...twice.map((column) => ({ ...column, name: `b ${column.type}` }))];
}

/** Texts for the columns of a row, the same for the same seed and row. */
export function randomRow(row: number): readonly (string | null)[] {
  const texts = randomColumns().map(({ type, texts: known }) =>
    fc.option(RANDOM[type] ?? fc.constantFrom(...known), { freq: 8 }),
  );
  return fc.sample(fc.tuple(...texts), { numRuns: 1, seed: seed + row })[0] ?? [];
}
