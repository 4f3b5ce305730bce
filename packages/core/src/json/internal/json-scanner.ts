import { ValueError } from '../../errors/value-error.ts';
import {
  isEscapeLetter,
  isHexDigit,
  isJsonWhitespace,
  mayScalarEnd,
  nextScalarState,
  NO_SCALAR,
} from './json-grammar.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** The error for text that is not JSON. Names the offset, never the text. */
export function notJson(offset: number): ValueError {
  return new ValueError(null, `Expected JSON text, got something else at offset ${offset}.`);
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
  const letter = text.charCodeAt(at + 1);
  if (letter === LETTER_U) {
    for (let digit = at + 2; digit < at + 6; digit += 1) {
      if (!isHexDigit(text.charCodeAt(digit))) throw notJson(digit);
    }
    return at + 6;
  }
  if (!isEscapeLetter(letter)) throw notJson(at + 1);
  return at + 2;
}

/** The offset after the number or literal at `at`. */
function scanWord(text: string, at: number): number {
  let offset = at;
  let state = NO_SCALAR;
  while (offset < text.length) {
    const next = nextScalarState(state, text.charCodeAt(offset));
    if (next === NO_SCALAR) break;
    state = next;
    offset += 1;
  }
  if (!mayScalarEnd(state)) throw notJson(offset);
  return offset;
}

/** The offset after the number token at `at`. */
export function scanNumber(text: string, at: number): number {
  const end = scanWord(text, at);
  // A literal begins with a letter.
  if (text.charCodeAt(at) > 0x39) throw notJson(at);
  return end;
}

/** The offset after the string, number or literal at `at`; not for objects and arrays. */
export function scanScalar(text: string, at: number): number {
  return text.charCodeAt(at) === QUOTE ? scanString(text, at) : scanWord(text, at);
}
