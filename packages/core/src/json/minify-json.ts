import type { Buffer } from 'node:buffer';

import { ValueError } from '../errors/value-error.ts';
import type { ByteWriter } from './byte-writer.ts';
import {
  isJsonWhitespace,
  notJson,
  scanScalar,
  scanString,
  skipWhitespace,
} from './internal/json-scanner.ts';
import { hasLoneSurrogate } from './internal/surrogates.ts';

const COLON = 0x3a;
const COMMA = 0x2c;
const QUOTE = 0x22;
const ARRAY = 0x5b;
const OBJECT = 0x7b;

// What may come next.
const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const AFTER_KEY = 4;
const AFTER_VALUE = 5;

/**
 * Removes the whitespace between the tokens of a JSON text and keeps everything else to the letter: digits, key order,
 * duplicate keys, escapes.
 *
 * Works for any depth without recursion.
 *
 * @throws ValueError when the text is not one JSON value by RFC 8259, or holds half of a surrogate pair.
 */
export function minifyJson(text: string): string {
  if (hasLoneSurrogate(text)) {
    throw new ValueError(null, 'Expected JSON text in valid Unicode, got a lone surrogate.');
  }
  let output = '';
  const pending = minify(text, (from, to) => {
    output += text.slice(from, to);
  });
  return output + text.slice(pending);
}

/**
 * `minifyJson` from bytes in UTF-8, which must be valid, to bytes.
 *
 * As characters of one byte each they are read like any text: all that JSON's grammar is about is ASCII.
 */
export function writeMinified(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  const text = bytes.toString('latin1', start, end);
  const pending = minify(text, (from, to) => out.copy(bytes, start + from, start + to));
  out.copy(bytes, start + pending, end);
}

/** What is open where `minify` reads. One for all: most documents open something, and an array each would be made for it. */
const open: number[] = [];

/** Gives each piece without whitespace between its tokens, and returns where the last one begins, which ends with the text. */
function minify(text: string, keep: (from: number, to: number) => void): number {
  // One loop over local variables: this runs over every byte of every json value, and closures cost several times as much.
  let depth = 0;
  const { length } = text;
  // Start of what has been scanned but not yet copied.
  let pending = 0;
  let offset = 0;
  let next = VALUE;
  while (offset < length) {
    const code = text.charCodeAt(offset);
    if (isJsonWhitespace(code)) {
      if (offset > pending) keep(pending, offset);
      offset = skipWhitespace(text, offset);
      pending = offset;
    } else if (next === AFTER_VALUE) {
      const container = depth === 0 ? undefined : open[depth - 1];
      if (code === COMMA && container !== undefined) next = container === OBJECT ? KEY : VALUE;
      // The closing bracket follows its opening one by two in ASCII, for braces and brackets alike.
      else if (container !== undefined && code === container + 2) depth -= 1;
      else throw notJson(offset);
      offset += 1;
    } else if (next === AFTER_KEY) {
      if (code !== COLON) throw notJson(offset);
      offset += 1;
      next = VALUE;
    } else if (next === KEY || next === KEY_OR_CLOSE) {
      if (code === QUOTE) {
        offset = scanString(text, offset);
        next = AFTER_KEY;
      } else if (next === KEY_OR_CLOSE && code === OBJECT + 2) {
        offset += 1;
        depth -= 1;
        next = AFTER_VALUE;
      } else throw notJson(offset);
    } else if (code === OBJECT || code === ARRAY) {
      open[depth++] = code;
      offset += 1;
      next = code === OBJECT ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    } else if (next === VALUE_OR_CLOSE && code === ARRAY + 2) {
      offset += 1;
      depth -= 1;
      next = AFTER_VALUE;
    } else {
      offset = scanScalar(text, offset);
      next = AFTER_VALUE;
    }
  }
  if (next !== AFTER_VALUE || depth > 0) throw notJson(offset);
  return pending;
}
