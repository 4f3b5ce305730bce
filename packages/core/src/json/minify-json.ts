import { Buffer } from 'node:buffer';

import { ValueError } from '../errors/value-error.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  isEscapeLetter,
  isHexDigit,
  isJsonWhitespace,
  mayScalarEnd,
  nextScalarState,
  NO_SCALAR,
} from './internal/json-grammar.ts';
import { notJson } from './internal/json-scanner.ts';
import { hasLoneSurrogate } from './internal/surrogates.ts';

const COLON = 0x3a;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ARRAY = 0x5b;
const OBJECT = 0x7b;

// What may come next.
const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const AFTER_KEY = 4;
const AFTER_VALUE = 5;

/** What is open where `writeMinified` reads. One for all: most documents open something, and an array each would be made for it. */
const open: number[] = [];

/**
 * Removes the whitespace between the tokens of a JSON text and keeps everything else to the letter: digits, key order,
 * duplicate keys, escapes.
 *
 * Works for any depth without recursion.
 *
 * @throws ValueError when the text is not one JSON value by RFC 8259 (with the offset in bytes of UTF-8), or holds half of a
 * surrogate pair.
 */
export function minifyJson(text: string): string {
  if (hasLoneSurrogate(text)) {
    throw new ValueError(null, 'Expected JSON text in valid Unicode, got a lone surrogate.');
  }
  const bytes = Buffer.from(text);
  const out = new ByteWriter(bytes.length);
  writeMinified(bytes, 0, bytes.length, out);
  return out.toString();
}

/**
 * `minifyJson` from bytes in UTF-8 to bytes. That they are valid UTF-8 is for the caller to know.
 *
 * Every byte is looked at once and written where it belongs in the same step: all that JSON's grammar is about is ASCII, and one
 * loop over local variables costs a fraction of what a function for each token does.
 */
export function writeMinified(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  const target = out.room(end - start);
  let at = out.length;
  let depth = 0;
  let next = VALUE;
  let offset = start;
  while (offset < end) {
    const code = bytes[offset] as number;
    if (code <= 0x20 && isJsonWhitespace(code)) {
      offset += 1;
      continue;
    }
    const isKey = next === KEY || next === KEY_OR_CLOSE;
    if (next === AFTER_VALUE) {
      const container = depth === 0 ? undefined : open[depth - 1];
      if (code === COMMA && container !== undefined) next = container === OBJECT ? KEY : VALUE;
      // The closing bracket follows its opening one by two in ASCII, for braces and brackets alike.
      else if (container !== undefined && code === container + 2) depth -= 1;
      else throw notJson(offset - start);
    } else if (next === AFTER_KEY) {
      if (code !== COLON) throw notJson(offset - start);
      next = VALUE;
    } else if (code === QUOTE) {
      target[at++] = code;
      for (offset += 1; ; offset += 1) {
        out.length = at;
        offset = out.plain(bytes, offset, end);
        at = out.length;
        const inner = offset < end ? (bytes[offset] as number) : 0;
        if (inner === QUOTE) break;
        if (inner !== BACKSLASH) throw notJson(offset - start);
        offset += 1;
        checkEscape(bytes, offset, start, end);
        // What it escapes may be a quote.
        target[at++] = BACKSLASH;
        target[at++] = bytes[offset] as number;
      }
      next = isKey ? AFTER_KEY : AFTER_VALUE;
    } else if (!isKey && (code === OBJECT || code === ARRAY)) {
      open[depth++] = code;
      next = code === OBJECT ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    } else if (
      (next === KEY_OR_CLOSE && code === OBJECT + 2) ||
      (next === VALUE_OR_CLOSE && code === ARRAY + 2)
    ) {
      depth -= 1;
      next = AFTER_VALUE;
    } else {
      if (isKey) throw notJson(offset - start);
      let state = nextScalarState(NO_SCALAR, code);
      if (state === NO_SCALAR) throw notJson(offset - start);
      while (offset + 1 < end) {
        const following = nextScalarState(state, bytes[offset + 1] as number);
        if (following === NO_SCALAR) break;
        state = following;
        target[at++] = bytes[offset++] as number;
      }
      if (!mayScalarEnd(state)) throw notJson(offset + 1 - start);
      next = AFTER_VALUE;
    }
    // The last byte of a token is written here, which for most is the only one.
    target[at++] = bytes[offset++] as number;
  }
  if (next !== AFTER_VALUE || depth > 0) throw notJson(offset - start);
  out.length = at;
}

/** Looks at what stands behind a backslash. */
function checkEscape(bytes: Buffer, at: number, start: number, end: number): void {
  const letter = at < end ? (bytes[at] as number) : 0;
  if (letter !== LETTER_U) {
    if (!isEscapeLetter(letter)) throw notJson(at - start);
    return;
  }
  for (let digit = at + 1; digit < at + 5; digit += 1) {
    if (digit >= end || !isHexDigit(bytes[digit] as number)) throw notJson(digit - start);
  }
}
