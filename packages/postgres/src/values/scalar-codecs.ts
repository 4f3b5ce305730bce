import type { Buffer } from 'node:buffer';

import { isDigit, isText, skipDigits } from './internal/ascii.ts';
import { checkedCodec, checkText } from './internal/checked-codec.ts';
import { refuseText } from './internal/refuse.ts';
import { checkUtf8 } from './internal/utf8.ts';
import type { ValueCodec } from './value-codec.ts';

const MINUS = 0x2d;
const POINT = 0x2e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const LETTER_E = 0x65;
const LETTER_F = 0x66;
const LETTER_T = 0x74;

/** Any text, verbatim. */
export const textCodec: ValueCodec = {
  writeJson(bytes, start, end, out) {
    if (!out.quoted(bytes, start, end)) checkUtf8(bytes, start, end);
  },
  toValue: (text) => text,
};

/** boolean: `t` and `f` as output, `true` and `false` as a cast to text gives them. */
export const boolCodec: ValueCodec = {
  writeJson(bytes, start, end, out) {
    const first = bytes[start];
    const isOne = end - start === 1;
    if (first === LETTER_T && (isOne || isText(bytes, start, end, 'true'))) out.ascii('true');
    else if (first === LETTER_F && (isOne || isText(bytes, start, end, 'false')))
      out.ascii('false');
    else throw refuseText('boolean');
  },
  toValue(text) {
    if (text === 't' || text === 'true') return true;
    if (text === 'f' || text === 'false') return false;
    throw refuseText('boolean');
  },
};

/** int2, int4 and oid: the digits are a JSON number. */
export const intCodec: ValueCodec = checkedCodec(
  'an integer',
  (bytes, start, end) => end - start <= 11 && isInteger(bytes, start, end),
  'number',
  Number,
);

/** float4 and float8: PostgreSQL's digits to the letter; what JSON has no number for is a string. */
export const floatCodec: ValueCodec = {
  writeJson(bytes, start, end, out) {
    const isSpecial = isSpecialFloat(bytes, start, end);
    if (!isSpecial && !isFloat(bytes, start, end)) throw refuseText(FLOAT);
    if (isSpecial) out.byte(QUOTE);
    out.copy(bytes, start, end);
    if (isSpecial) out.byte(QUOTE);
  },
  toValue(text) {
    if (SPECIAL_FLOATS.includes(text)) return text;
    checkText(FLOAT, isFloat, text);
    return Number(text);
  },
};

/** int8, xid8 and the like: every digit, as a string. */
export const int8Codec: ValueCodec = checkedCodec(
  'bigint',
  (bytes, start, end) => end - start <= 20 && isInteger(bytes, start, end),
  'string',
);

/** numeric: every digit and the scale, as a string. */
export const numericCodec: ValueCodec = checkedCodec('numeric', isNumeric, 'string');

/** money under `lc_monetary = C`: `$1,234.50`, `-$1.00`. */
export const moneyCodec: ValueCodec = checkedCodec('money', isMoney, 'string');

/** bytea under `bytea_output = hex`. */
export const byteaCodec: ValueCodec = {
  writeJson(bytes, start, end, out) {
    if (!isBytea(bytes, start, end)) throw refuseText('bytea');
    out.byte(QUOTE);
    out.byte(BACKSLASH);
    out.copy(bytes, start, end);
    out.byte(QUOTE);
  },
  toValue(text) {
    checkText('bytea', isBytea, text);
    return text;
  },
};

const FLOAT = 'a floating-point number';
/** What JSON has no number for; and -0, which its readers turn into 0. */
const SPECIAL_FLOATS: readonly string[] = ['NaN', 'Infinity', '-Infinity', '-0'];

/** An optional minus and digits without leading zeros: exactly the integers of JSON, without -0. */
function isInteger(bytes: Buffer, from: number, end: number): boolean {
  const start = bytes[from] === MINUS ? from + 1 : from;
  if (start >= end) return false;
  if (bytes[start] === ZERO) return end - from === 1;
  return skipDigits(bytes, start, end) === end;
}

function isSpecialFloat(bytes: Buffer, start: number, end: number): boolean {
  // Most are told from others by their length or first letter.
  const first = bytes[start];
  if (end - start > 9 || (first !== MINUS && isDigit(first))) return false;
  return SPECIAL_FLOATS.some((text) => isText(bytes, start, end, text));
}

/** Digits, at most one point between digits, at most one exponent: what JSON calls a number. */
function isFloat(bytes: Buffer, from: number, end: number): boolean {
  const start = bytes[from] === MINUS ? from + 1 : from;
  let index = skipDigits(bytes, start, end);
  if (index === start || (bytes[start] === ZERO && index - start > 1)) return false;
  if (index < end && bytes[index] === POINT) {
    const fraction = index + 1;
    index = skipDigits(bytes, fraction, end);
    if (index === fraction) return false;
  }
  if (index < end && bytes[index] === LETTER_E) {
    const sign = bytes[index + 1];
    const exponent = sign === MINUS || sign === 0x2b /* + */ ? index + 2 : index + 1;
    index = skipDigits(bytes, exponent, end);
    if (index <= exponent) return false;
  }
  return index === end;
}

function isNumeric(bytes: Buffer, from: number, end: number): boolean {
  const start = bytes[from] === MINUS ? from + 1 : from;
  let index = skipDigits(bytes, start, end);
  let isValid = index > start;
  if (isValid && index < end && bytes[index] === POINT) {
    const fraction = index + 1;
    index = skipDigits(bytes, fraction, end);
    isValid = index > fraction;
  }
  if (isValid && index === end) return true;
  return (
    isText(bytes, from, end, 'NaN') ||
    isText(bytes, from, end, 'Infinity') ||
    isText(bytes, from, end, '-Infinity')
  );
}

function isMoney(bytes: Buffer, from: number, end: number): boolean {
  const start = bytes[from] === MINUS ? from + 1 : from;
  if (end - start < 5 || bytes[start] !== 0x24 /* $ */) return false;
  const point = end - 3;
  for (let index = start + 1; index < end; index += 1) {
    const code = bytes[index];
    let isValid: boolean;
    if (index === point) isValid = code === POINT;
    else if (index < point && (point - index) % 4 === 0) isValid = code === 0x2c;
    else isValid = isDigit(code);
    if (!isValid) return false;
  }
  return true;
}

function isBytea(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 2 || (end - start) % 2 !== 0) return false;
  if (bytes[start] !== BACKSLASH || bytes[start + 1] !== 0x78 /* x */) return false;
  for (let index = start + 2; index < end; index += 1) {
    const code = bytes[index] as number;
    if (!isDigit(code) && (code < 0x61 || code > LETTER_F)) return false;
  }
  return true;
}
