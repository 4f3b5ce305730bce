/**
 * What RFC 8259 allows within a string, number or literal, as tables: the same for text and for bytes, because all of it is
 * ASCII. A table costs one look for a character whatever it is.
 */

/** The state before the first character of a number or literal, and that of what is neither. */
export const NO_SCALAR = 0;

const CODES = 128;
const STATES = 24;
/** By state and character, the next state. */
const NEXT = new Uint8Array(STATES * CODES);
/** 1 for a state in which a number or literal may end. */
const IS_END = new Uint8Array(STATES);
/** 1 for a character that may stand behind a backslash, but for `u`. */
const IS_ESCAPE = new Uint8Array(CODES);

/** The state behind one more character of a number or literal, or `NO_SCALAR` where it does not belong to it. */
export function nextScalarState(state: number, code: number): number {
  return code < CODES ? (NEXT[state * CODES + code] as number) : NO_SCALAR;
}

/** Whether a number or literal may end in this state. */
export function mayScalarEnd(state: number): boolean {
  return IS_END[state] === 1;
}

/** True for the four characters that JSON allows between tokens. */
export function isJsonWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Whether the character makes an escape of a backslash before it; `u` needs four digits more. */
export function isEscapeLetter(code: number): boolean {
  return IS_ESCAPE[code] === 1;
}

export function isHexDigit(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66)
  );
}

function allow(from: number, characters: string, to: number): void {
  for (const character of characters) NEXT[from * CODES + character.charCodeAt(0)] = to;
}

const MINUS = 1;
const ZERO = 2;
const WHOLE = 3;
const POINT = 4;
const FRACTION = 5;
const EXPONENT = 6;
const SIGN = 7;
const POWER = 8;
let words = POWER;

allow(NO_SCALAR, '-', MINUS);
for (const from of [NO_SCALAR, MINUS]) {
  allow(from, '0', ZERO);
  allow(from, '123456789', WHOLE);
}
allow(WHOLE, '0123456789', WHOLE);
for (const from of [ZERO, WHOLE]) allow(from, '.', POINT);
for (const from of [POINT, FRACTION]) allow(from, '0123456789', FRACTION);
for (const from of [ZERO, WHOLE, FRACTION]) allow(from, 'eE', EXPONENT);
allow(EXPONENT, '+-', SIGN);
for (const from of [EXPONENT, SIGN, POWER]) allow(from, '0123456789', POWER);
for (const state of [ZERO, WHOLE, FRACTION, POWER]) IS_END[state] = 1;

for (const word of ['true', 'false', 'null']) {
  let from = NO_SCALAR;
  for (const letter of word) {
    words += 1;
    allow(from, letter, words);
    from = words;
  }
  IS_END[from] = 1;
}

for (const letter of '"\\/bfnrt') IS_ESCAPE[letter.charCodeAt(0)] = 1;
