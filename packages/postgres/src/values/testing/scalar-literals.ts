import fc from 'fast-check';

import type { TypeCase } from './oracle.ts';

/** One of the characters of a text. */
export const oneOf = (chars: string): fc.Arbitrary<string> => fc.constantFrom(...Array.from(chars));

/** Any text that PostgreSQL can hold, in UTF-8. */
export const anyText: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(
        ...Array.from('ab "\'\\{}[](),;:=<>\t\n\r\u0001\u007f'),
        'NULL',
        'é',
        '\ufffd',
        '\ufeff',
        '😀',
      ),
      maxLength: 12,
    }),
  )
  .map((text) => text.replaceAll('\0', ''));

const hex = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: oneOf('0123456789abcdef'), minLength: min, maxLength: max });

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: oneOf('0123456789'), minLength: min, maxLength: max });

const integer = (bits: number): fc.Arbitrary<string> => {
  const limit = 1n << BigInt(bits - 1);
  const edges = [-limit, -1n, 0n, 1n, limit - 1n].map(String);
  return fc.oneof(
    fc.constantFrom(...edges),
    fc.bigInt({ min: -limit, max: limit - 1n }).map(String),
    fc.bigInt({ min: -100n, max: 100n }).map(String),
  );
};

const unsigned = (bits: number): fc.Arbitrary<string> =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }).map(String);

const numeric = fc.oneof(
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '0', '0.000', '-0.0', '1e-300', '1e300'),
  fc
    .tuple(fc.constantFrom('', '-'), digits(1, 60), fc.option(digits(0, 40)))
    .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`),
);

const float = (arbitrary: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '-0', '1e20', '1e-7', '0.1'),
    arbitrary.map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  );

const money = fc
  .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 92233720368547757n }), digits(2, 2))
  .map(([sign, whole, cents]) => `${sign}${whole}.${cents}`);

const json = fc
  .oneof(
    fc.json({ maxDepth: 3 }),
    fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value, null, 2)),
    // Digits that no double holds, here and deeper.
    fc
      .tuple(integer(64), digits(1, 40), digits(1, 40), anyText)
      .map(
        ([int8, whole, fraction, text]) =>
          `{"b": ${int8}, "a": [1${whole}.${fraction}, {"c" : -0.${fraction}00}], "e": 1e${whole.length}, ${JSON.stringify(text)}: null}`,
      ),
  )
  // jsonb refuses what it cannot hold: NUL and unpaired surrogates.
  .filter((text) => !/\\u(?:0000|[dD][89a-fA-F])/.test(text));

const xml = fc
  .tuple(anyText, anyText)
  .map(([attribute, text]) => `<a b="${escapeXml(attribute)}">${escapeXml(text)}<c/></a>`);

function escapeXml(text: string): string {
  // XML has no control characters, nor U+FFFE and U+FFFF of any plane.
  return Array.from(text)
    .filter((char) => {
      const code = char.codePointAt(0) ?? 0;
      return code >= 0x20 && (code & 0xfffe) !== 0xfffe;
    })
    .join('')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const lexeme = fc
  .string({ unit: oneOf("ab '\\:&|!é😀"), minLength: 1, maxLength: 6 })
  .map((text) => `'${text.replaceAll(/['\\]/g, '$&$&')}'`);

const tsvector = fc
  .array(fc.tuple(lexeme, fc.constantFrom('', ':1', ':2A,3', ':16383D')), { maxLength: 4 })
  .map((lexemes) => lexemes.map(([text, positions]) => text + positions).join(' '));

const tsquery = fc
  .tuple(lexeme, fc.constantFrom('&', '|', '<->', '<3>'), lexeme, fc.constantFrom('', ':*', ':AB'))
  .map(([left, operator, right, weight]) => `!${left}${weight} ${operator} (${right} | ${left})`);

const ipv4 = fc
  .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
  .map(([ip, bits]) => `${ip}/${bits}`);
const ipv6 = fc
  .tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }))
  .map(([ip, bits]) => `${ip}/${bits}`);

const mac = (length: number): fc.Arbitrary<string> =>
  fc.array(hex(2, 2), { minLength: length, maxLength: length }).map((bytes) => bytes.join(':'));

const bits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('0', '1'), minLength: min, maxLength: max });

/** Every built-in type but those of date and time, geometry and ranges. */
export const SCALAR_CASES: readonly TypeCase[] = [
  { type: 'bool', literals: fc.constantFrom('t', 'f') },
  { type: 'int2', literals: integer(16) },
  { type: 'int4', literals: integer(32) },
  { type: 'int8', literals: integer(64) },
  { type: 'oid', literals: unsigned(32) },
  { type: 'xid', literals: unsigned(32) },
  { type: 'cid', literals: unsigned(32) },
  { type: 'xid8', literals: unsigned(63) },
  { type: 'numeric', literals: numeric },
  { type: 'numeric(30,5)', literals: money },
  { type: 'float4', literals: float(fc.float({ noNaN: true })) },
  { type: 'float8', literals: float(fc.double({ noNaN: true })) },
  { type: 'money', literals: money },
  { type: 'text', literals: anyText },
  { type: 'varchar(7)', literals: anyText },
  { type: 'char(9)', literals: anyText },
  { type: 'name', literals: anyText },
  { type: '"char"', literals: fc.constantFrom('', ' ', 'a', '"', '\\', ',', '{') },
  { type: 'bytea', literals: fc.uint8Array({ maxLength: 40 }).map(toByteaLiteral) },
  { type: 'uuid', literals: fc.uuid() },
  { type: 'json', literals: json, shape: 'json' },
  { type: 'jsonb', literals: json, shape: 'json' },
  {
    type: 'jsonpath',
    literals: fc.constantFrom('$', '$.a[*] ? (@."b c" > 3)', 'strict $."\\"x"'),
    hasEquality: false,
  },
  { type: 'xml', literals: xml, hasEquality: false },
  { type: 'tsvector', literals: tsvector },
  { type: 'tsquery', literals: tsquery },
  { type: 'inet', literals: fc.oneof(ipv4, ipv6, fc.ipV4()) },
  {
    type: 'cidr',
    literals: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10/8', '2001:db8::/32')),
  },
  { type: 'macaddr', literals: mac(6) },
  { type: 'macaddr8', literals: mac(8) },
  { type: 'bit(9)', literals: bits(1, 9) },
  { type: 'varbit', literals: bits(0, 40) },
  { type: 'pg_lsn', literals: fc.tuple(hex(1, 8), hex(1, 8)).map((parts) => parts.join('/')) },
  {
    type: 'tid',
    literals: fc.tuple(fc.nat(), fc.nat(65_535)).map(([page, item]) => `(${page},${item})`),
  },
  {
    type: 'int2vector',
    literals: fc.array(integer(16), { maxLength: 5 }).map((items) => items.join(' ')),
  },
  {
    type: 'oidvector',
    literals: fc.array(unsigned(32), { maxLength: 5 }).map((items) => items.join(' ')),
  },
  { type: 'regclass', literals: fc.constantFrom('pg_class', 'pg_catalog.pg_type') },
  { type: 'regtype', literals: fc.constantFrom('int4', 'timestamp with time zone', 'text[]') },
  { type: 'regproc', literals: fc.constantFrom('array_in', 'textout') },
  { type: 'pg_snapshot', literals: fc.constantFrom('10:20:10,14,15', '7:7:'), hasEquality: false },
];

function toByteaLiteral(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString('hex')}`;
}
