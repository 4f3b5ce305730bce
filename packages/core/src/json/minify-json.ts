import { ValueError } from '../errors/value-error.ts';
import { isJsonWhitespace, notJson, scanScalar, scanString } from './internal/json-scanner.ts';
import { hasLoneSurrogate } from './internal/surrogates.ts';

const OBJECT = 0x7b;
const ARRAY = 0x5b;

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
  const open: number[] = [];
  let output = '';
  // Start of what has been scanned but not yet copied.
  let pending = 0;
  let offset = 0;

  function skip(): number {
    if (isJsonWhitespace(text.charCodeAt(offset))) {
      output += text.slice(pending, offset);
      do offset += 1;
      while (isJsonWhitespace(text.charCodeAt(offset)));
      pending = offset;
    }
    return text.charCodeAt(offset);
  }

  function key(): void {
    if (skip() !== 0x22) throw notJson(offset);
    offset = scanString(text, offset);
    if (skip() !== 0x3a) throw notJson(offset);
    offset += 1;
  }

  // One round per value; the inner loop closes what ends after it.
  for (;;) {
    const first = skip();
    if (first === OBJECT || first === ARRAY) {
      offset += 1;
      if (skip() !== first + 2) {
        open.push(first);
        if (first === OBJECT) key();
        continue;
      }
      offset += 1;
    } else {
      offset = scanScalar(text, offset);
    }
    for (;;) {
      const next = skip();
      const container = open.at(-1);
      if (container === undefined) {
        if (offset !== text.length) throw notJson(offset);
        return output + text.slice(pending);
      }
      if (next === 0x2c) {
        offset += 1;
        if (container === OBJECT) key();
        break;
      }
      // The closing bracket follows its opening one by two in ASCII, for braces and brackets alike.
      if (next !== container + 2) throw notJson(offset);
      offset += 1;
      open.pop();
    }
  }
}
