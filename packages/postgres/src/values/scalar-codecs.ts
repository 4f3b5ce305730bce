import { refuseText } from './internal/refuse.ts';
import type { ValueCodec } from './value-codec.ts';

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** Any text, verbatim. */
export const textCodec: ValueCodec = {
  toJson: (text) => JSON.stringify(text),
  toValue: (text) => text,
};

/** boolean: `t` and `f` as output, `true` and `false` as a cast to text gives them. */
export const boolCodec: ValueCodec = {
  toJson: (text) => (readBool(text) ? 'true' : 'false'),
  toValue: readBool,
};

/** int2, int4 and oid: the digits are a JSON number. */
export const intCodec: ValueCodec = {
  toJson: checkInt,
  toValue: (text) => Number(checkInt(text)),
};

/** float4 and float8: PostgreSQL's digits to the letter; what JSON has no number for is a string. */
export const floatCodec: ValueCodec = {
  toJson: (text) => (isSpecialFloat(text) ? `"${text}"` : checkFloat(text)),
  toValue: (text) => (isSpecialFloat(text) ? text : Number(checkFloat(text))),
};

/** int8, xid8 and the like: every digit, as a string. */
export const int8Codec: ValueCodec = {
  toJson: (text) => `"${checkInt8(text)}"`,
  toValue: checkInt8,
};

/** numeric: every digit and the scale, as a string. */
export const numericCodec: ValueCodec = {
  toJson: (text) => `"${checkNumeric(text)}"`,
  toValue: checkNumeric,
};

/** money under `lc_monetary = C`: `$1,234.50`, `-$1.00`. */
export const moneyCodec: ValueCodec = {
  toJson: (text) => `"${checkMoney(text)}"`,
  toValue: checkMoney,
};

/** bytea under `bytea_output = hex`. */
export const byteaCodec: ValueCodec = {
  toJson: (text) => `"\\${checkBytea(text)}"`,
  toValue: checkBytea,
};

function readBool(text: string): boolean {
  if (text === 't' || text === 'true') return true;
  if (text === 'f' || text === 'false') return false;
  throw refuseText('boolean');
}

function checkInt(text: string): string {
  if (text.length <= 11 && isInteger(text)) return text;
  throw refuseText('an integer');
}

function checkInt8(text: string): string {
  if (text.length <= 20 && isInteger(text)) return text;
  throw refuseText('bigint');
}

/** An optional minus and digits without leading zeros: exactly the integers of JSON, without -0. */
function isInteger(text: string): boolean {
  const length = text.length;
  const start = length > 0 && text.charCodeAt(0) === MINUS ? 1 : 0;
  if (start === length) return false;
  if (text.charCodeAt(start) === ZERO) return length === 1;
  return areDigits(text, start);
}

function areDigits(text: string, start: number): boolean {
  for (let index = start; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < ZERO || code > NINE) return false;
  }
  return true;
}

function isSpecialFloat(text: string): boolean {
  // The letters I and N, behind a minus or not; and -0, which JSON readers turn into 0.
  switch (text) {
    case 'NaN':
    case 'Infinity':
    case '-Infinity':
    case '-0':
      return true;
    default:
      return false;
  }
}

/** Digits, at most one point between digits, at most one exponent: what JSON calls a number. */
function checkFloat(text: string): string {
  const length = text.length;
  let index = length > 0 && text.charCodeAt(0) === MINUS ? 1 : 0;
  const start = index;
  index = skipDigits(text, index);
  const leadingZero = text.charCodeAt(start) === ZERO && index - start > 1;
  let valid = index > start && !leadingZero;
  if (valid && text.charCodeAt(index) === 0x2e /* . */) {
    const fraction = index + 1;
    index = skipDigits(text, fraction);
    valid = index > fraction;
  }
  if (valid && text.charCodeAt(index) === 0x65 /* e */) {
    const sign = text.charCodeAt(index + 1);
    const exponent = sign === MINUS || sign === 0x2b /* + */ ? index + 2 : index + 1;
    index = skipDigits(text, exponent);
    valid = index > exponent;
  }
  if (valid && index === length) return text;
  throw refuseText('a floating-point number');
}

function skipDigits(text: string, start: number): number {
  let index = start;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code < ZERO || code > NINE) break;
    index += 1;
  }
  return index;
}

function checkNumeric(text: string): string {
  const length = text.length;
  const start = length > 0 && text.charCodeAt(0) === MINUS ? 1 : 0;
  let index = skipDigits(text, start);
  let valid = index > start;
  if (valid && text.charCodeAt(index) === 0x2e /* . */) {
    const fraction = index + 1;
    index = skipDigits(text, fraction);
    valid = index > fraction;
  }
  if (valid && index === length) return text;
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return text;
  throw refuseText('numeric');
}

function checkMoney(text: string): string {
  const length = text.length;
  const start = length > 0 && text.charCodeAt(0) === MINUS ? 1 : 0;
  let valid = length >= start + 5 && text.charCodeAt(start) === 0x24; /* $ */
  const point = length - 3;
  for (let index = start + 1; valid && index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (index === point) valid = code === 0x2e;
    else if (index < point && (point - index) % 4 === 0) valid = code === 0x2c;
    else valid = code >= ZERO && code <= NINE;
  }
  if (valid) return text;
  throw refuseText('money');
}

function checkBytea(text: string): string {
  const length = text.length;
  let valid =
    length >= 2 && length % 2 === 0 && text.charCodeAt(0) === 0x5c && text.charCodeAt(1) === 0x78;
  for (let index = 2; valid && index < length; index += 1) {
    const code = text.charCodeAt(index);
    valid = (code >= ZERO && code <= NINE) || (code >= 0x61 && code <= 0x66);
  }
  if (valid) return text;
  throw refuseText('bytea');
}
