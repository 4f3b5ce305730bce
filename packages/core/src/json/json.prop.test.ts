import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { JsonNumber, type JsonValue } from '../event/json.ts';
import { canonicalJson } from './canonical-json.ts';
import { ByteWriter } from './byte-writer.ts';
import { minifyJson, writeMinified } from './minify-json.ts';
import { parseJson } from './parse-json.ts';

const whitespace = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 });

const numberText = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 40n }),
    fc.option(fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 30 })),
    fc.option(fc.integer({ min: -500, max: 500 })),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
  );

/** JSON text as tokens, so that whitespace can be put between them. */
const tokens: fc.Arbitrary<readonly string[]> = fc.letrec<{ value: readonly string[] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(['null'], ['true'], ['false']),
    numberText.map((text) => [text]),
    fc.string({ unit: 'binary' }).map((text) => [JSON.stringify(text)]),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => ['[', ...join(values), ']']),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'a')),
          tie('value'),
        ),
        {
          maxLength: 4,
        },
      )
      .map((members) => [
        '{',
        ...join(members.map(([name, value]) => [JSON.stringify(name), ':', ...value])),
        '}',
      ]),
  ),
})).value;

function join(values: readonly (readonly string[])[]): readonly string[] {
  return values.flatMap((value, index) => (index === 0 ? value : [',', ...value]));
}

describe('minifyJson', () => {
  test('removes exactly the whitespace between tokens', () => {
    fc.assert(
      fc.property(
        tokens,
        fc.infiniteStream(whitespace).map((spaces) => spaces),
        (list, spaces) => {
          const spaced = list.map((token) => `${String(spaces.next().value)}${token}`).join('');
          expect(minifyJson(spaced)).toBe(list.join(''));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('accepts and refuses what JSON.parse accepts and refuses', () => {
    const soup = fc.string({
      unit: fc.constantFrom(...'{}[],:"\\ \n0123e.+-', 'true', 'null', 'u00', 'a', '\u00e9'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(soup, (text) => {
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        for (const read of [minifyJson, parseJson]) {
          if (parses) read(text);
          else expect(() => read(text)).toThrow('Expected JSON text');
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('writeMinified', () => {
  test('reads no byte before its start or behind its end, and writes behind what is there', () => {
    const around = fc.constantFrom('', '"', '\\"', '0', '}', 'é', ',');
    fc.assert(
      fc.property(tokens, around, around, fc.nat(), (list, before, behind, cut) => {
        const bytes = Buffer.from(`${before}${list.join(' ')}${behind}`);
        const start = Buffer.byteLength(before);
        const whole = bytes.length - Buffer.byteLength(behind);
        for (const end of [whole, start + (cut % (whole - start))]) {
          const part = bytes.toString('utf8', start, end);
          const out = new ByteWriter(1);
          out.text('é');
          let expected: string | null = null;
          // A cut within a character makes another one of it; these are for the codec to find.
          if (part.includes('\ufffd')) continue;
          try {
            JSON.parse(part);
            expected = minifyJson(part);
          } catch {
            expected = null;
          }
          if (expected === null) {
            expect(() => writeMinified(bytes, start, end, out)).toThrow('Expected JSON text');
          } else {
            writeMinified(bytes, start, end, out);
            expect(out.toString()).toBe(`é${expected}`);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parseJson', () => {
  test('agrees with JSON.parse but for numbers and prototypes', () => {
    fc.assert(
      fc.property(tokens, (list) => {
        const text = list.join('');
        expect(JSON.stringify(simplify(parseJson(text)))).toBe(
          JSON.stringify(simplify(JSON.parse(text) as JsonValue)),
        );
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  test('T-02: keeps the exact value of every number', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        const parsed = parseJson(text);
        if (parsed instanceof JsonNumber) expect(parsed.text).toBe(text);
        else expect(fraction(String(parsed))).toEqual(fraction(text));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('canonicalJson', () => {
  test('is a fixed point: parsing and writing again gives the same text', () => {
    fc.assert(
      fc.property(tokens, (list) => {
        const parsed = parseJson(list.join(''));
        let text: string;
        try {
          text = canonicalJson(parsed);
        } catch (error) {
          // Escaped lone surrogates are JSON, but have no canonical form.
          expect(String(error)).toContain('lone surrogate');
          return;
        }
        expect(canonicalJson(parseJson(text))).toBe(text);
        expect(minifyJson(text)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test('agrees with JSON.stringify for plain values without keys to sort', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string())),
        (values) => {
          expect(canonicalJson(values)).toBe(JSON.stringify(values));
        },
      ),
      { numRuns: 1000 },
    );
  });
});

function simplify(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(simplify);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([name, member]) => [name, simplify(member)]);
}

/** The exact value as [numerator, power of ten], by BigInt. */
function fraction(text: string): { numerator: bigint; power: number } {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', decimals = ''] = mantissa.split('.');
  let numerator = BigInt(whole + decimals);
  let power = Number(exponent) - decimals.length;
  if (numerator === 0n) return { numerator, power: 0 };
  while (numerator % 10n === 0n) {
    numerator /= 10n;
    power += 1;
  }
  return { numerator, power };
}
