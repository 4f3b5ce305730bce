import { ValueError } from '../../errors/value-error.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The error for text that is not JSON. Names the offset, never the text. */
export function notJson(offset: number): ValueError {
  return new ValueError(null, `Expected JSON text, got something else at offset ${offset}.`);
}

/** True for the four characters that JSON allows between tokens. */
export function isJsonWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The offset after the whitespace at `at`. */
export function skipWhitespace(text: string, at: number): number {
  let offset = at;
  while (isJsonWhitespace(text.charCodeAt(offset))) offset += 1;
  return offset;
}

/** The offset after the string token whose opening quote is at `at`. */
export function scanString(text: string, at: number): number {
  let offset = at + 1;
  for (;;) {
    const code = text.charCodeAt(offset);
    if (code === QUOTE) return offset + 1;
    if (code === BACKSLASH) {
      offset = scanEscape(text, offset);
    } else if (code >= 0x20) {
      offset += 1;
    } else {
      // A control character, or NaN at the end of the text.
      throw notJson(offset);
    }
  }
}

function scanEscape(text: string, at: number): number {
  const letter = text.charAt(at + 1);
  if (letter === 'u') {
    for (let digit = at + 2; digit < at + 6; digit += 1) {
      if (!isHexDigit(text.charCodeAt(digit))) throw notJson(digit);
    }
    return at + 6;
  }
  if (letter === '' || !'"\\/bfnrt'.includes(letter)) throw notJson(at + 1);
  return at + 2;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function scanDigits(text: string, at: number): number {
  if (!isDigit(text.charCodeAt(at))) throw notJson(at);
  let offset = at + 1;
  while (isDigit(text.charCodeAt(offset))) offset += 1;
  return offset;
}

/** The offset after the number token at `at`. */
export function scanNumber(text: string, at: number): number {
  let offset = text.charCodeAt(at) === 0x2d ? at + 1 : at;
  offset = text.charCodeAt(offset) === 0x30 ? offset + 1 : scanDigits(text, offset);
  if (text.charCodeAt(offset) === 0x2e) offset = scanDigits(text, offset + 1);
  const exponent = text.charCodeAt(offset);
  if (exponent === 0x65 || exponent === 0x45) {
    const sign = text.charCodeAt(offset + 1);
    offset = scanDigits(text, sign === 0x2b || sign === 0x2d ? offset + 2 : offset + 1);
  }
  return offset;
}

/** The offset after the string, number or literal at `at`; not for objects and arrays. */
export function scanScalar(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === QUOTE) return scanString(text, at);
  if (code === 0x2d || isDigit(code)) return scanNumber(text, at);
  const literal = code === 0x74 ? 'true' : code === 0x66 ? 'false' : code === 0x6e ? 'null' : '';
  if (literal === '' || !text.startsWith(literal, at)) throw notJson(at);
  return at + literal.length;
}
