import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonSyntaxError, parseJson, type RawJson, removeWhitespace } from './raw-json.ts';

const RAW = new Set(['recordPayload']);

/** Characters that JSON is made of, so that random texts often come near to being valid. */
const jsonish = fc.string({
  unit: fc.constantFrom(
    ...'{}[]:,"\\/bfnrtu019.-+eE \t\n\r\u0000\u001f\u007f\u2028é😀aD',
    'true',
    'false',
    'null',
    '\\u00e9',
    '\\ud800',
    '"a"',
    '0.1e-5',
  ),
  maxLength: 24,
});

const whitespace = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 3 });

/** Valid JSON texts with whitespace, odd numbers, escapes and duplicate keys. */
const { value: jsonText } = fc.letrec<{ value: string; list: string; map: string; scalar: string }>(
  (tie) => ({
    value: fc.oneof({ maxDepth: 4 }, tie('scalar'), tie('list'), tie('map')),
    scalar: fc.oneof(
      fc.constantFrom('true', 'false', 'null', '-0', '1e400', '0.10', '9007199254740993', '1E+2'),
      fc.bigInt().map(String),
      fc.tuple(fc.bigInt(), fc.nat()).map(([int, fraction]) => `${int}.${fraction}00`),
      fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
      fc.constantFrom('"\\u00E9"', '"\\/"', '"\\ud83d"', '"\\\\\\""', '" , : { ] "'),
    ),
    list: fc
      .array(fc.tuple(whitespace, tie('value'), whitespace), { maxLength: 4 })
      .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`),
    map: fc
      .array(
        fc.tuple(
          whitespace,
          fc.constantFrom('"a"', '"b"', '"__proto__"', '"\\u0061"', '""', '"constructor"'),
          whitespace,
          fc.constant(':'),
          whitespace,
          tie('value'),
          whitespace,
        ),
        { maxLength: 4 },
      )
      .map((items) => `{${items.map((parts) => parts.join('')).join(',')}}`),
  }),
);

function outcome(parse: () => unknown): { readonly value: unknown } | 'refused' {
  try {
    return { value: parse() };
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return 'refused';
  }
}

describe('parseJson', () => {
  test('accepts and refuses the same texts as JSON.parse and gives the same values', () => {
    fc.assert(
      fc.property(fc.oneof(jsonish, jsonText, fc.json(), fc.string()), (text) => {
        expect(outcome(() => parseJson(text))).toEqual(outcome(() => JSON.parse(text)));
      }),
      { numRuns: 5_000 },
    );
  });

  test('checks raw values as strictly as JSON.parse', () => {
    fc.assert(
      fc.property(fc.oneof(jsonish, jsonText), (text) => {
        const document = `{"recordPayload":${text}}`;
        const native = outcome(() => JSON.parse(document));
        const own = outcome(() => parseJson(document, RAW));
        expect(own === 'refused').toBe(native === 'refused');
      }),
      { numRuns: 5_000 },
    );
  });

  test('a damaged valid text is judged as JSON.parse judges it', () => {
    const damaged = fc
      .tuple(jsonText, fc.nat(), fc.constantFrom('', ',', '"', '0', '}', '\\', ' ', '-'))
      .map(([text, at, insert]) => {
        const position = at % (text.length + 1);
        return text.slice(0, position) + insert + text.slice(position + 1);
      });
    fc.assert(
      fc.property(damaged, (text) => {
        expect(outcome(() => parseJson(text))).toEqual(outcome(() => JSON.parse(text)));
        const document = `[{"recordPayload":${text}}]`;
        const isValid = outcome(() => JSON.parse(document)) !== 'refused';
        expect(outcome(() => parseJson(document, RAW)) !== 'refused').toBe(isValid);
      }),
      { numRuns: 5_000 },
    );
  });

  test('keeps the text of raw values verbatim, and only whitespace leaves their canonical form', () => {
    fc.assert(
      fc.property(jsonText, whitespace, whitespace, (text, before, after) => {
        const document = `{"a":1,"recordPayload":${before}${text}${after},"b":[{"recordPayload":${text}}]}`;
        const parsed = parseJson(document, RAW);
        const raw = (parsed as { recordPayload: RawJson }).recordPayload;
        expect(raw.text).toBe(text);
        expect(raw.canonical).toBe(removeWhitespace(text));
        expect(JSON.parse(raw.canonical)).toEqual(JSON.parse(text));
        expect(tokens(raw.canonical)).toEqual(tokens(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The tokens of valid JSON, found in another way than the scanner does. */
function tokens(text: string): string[] {
  return text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gs) ?? [];
}

describe('JsonSyntaxError', () => {
  test('I11: names the position and quotes nothing', () => {
    expect(() => parseJson('{"card":"4111-1111" x}')).toThrow(
      new JsonSyntaxError('Unexpected character', 20),
    );
    expect(() => parseJson('{"recordPayload":{"a":tru', RAW)).toThrow('Unexpected character');
  });

  test('every control character in a string is refused, and no other character', () => {
    for (let code = 0; code < 0x300; code += 1) {
      const document = `{"recordPayload":{"a":"x${String.fromCharCode(code)}y"}}`;
      const isValid = outcome(() => JSON.parse(document)) !== 'refused';
      expect([code, outcome(() => parseJson(document, RAW)) !== 'refused']).toEqual([
        code,
        isValid,
      ]);
    }
  });

  test('nesting is limited outside raw values only', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(() => parseJson(deep)).toThrow('Nested too deeply');
    const parsed = parseJson(`{"recordPayload":${deep}}`, RAW);
    expect((parsed as { recordPayload: RawJson }).recordPayload.text).toBe(deep);
  });
});
