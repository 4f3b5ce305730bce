import type { JsonRow, JsonValue } from '@certyo-cdc/core';

import { compareUtf8 } from './internal/compare-utf8.ts';
import { refuseText } from './internal/refuse.ts';
import { codecOfText } from './internal/text-codec.ts';
import type { ValueCodec } from './value-codec.ts';

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

type Pair = readonly [key: string, value: string | null];

/** hstore: an object of strings and nulls. Keys are sorted by their UTF-8 bytes, as those of a payload are. */
export const hstoreCodec: ValueCodec = codecOfText(
  (text, out) => {
    let json = '{';
    let separator = '';
    for (const [key, value] of parseHstoreText(text)) {
      json += `${separator}${JSON.stringify(key)}:${JSON.stringify(value)}`;
      separator = ',';
    }
    out.text(`${json}}`);
  },
  (text) => {
    const object: Record<string, JsonValue> = Object.create(null) as JsonRow;
    for (const [key, value] of parseHstoreText(text)) object[key] = value;
    return Object.freeze(object);
  },
);

/**
 * Reads what `hstore_out` prints: `"key"=>"value", "other"=>NULL`. Keys and values are always quoted, keys are unique.
 *
 * @see https://www.postgresql.org/docs/18/hstore.html
 */
function parseHstoreText(text: string): readonly Pair[] {
  const pairs: Pair[] = [];
  let index = 0;
  const readQuoted = (): string => {
    if (text.charCodeAt(index) !== QUOTE) throw refuseText('hstore');
    index += 1;
    let start = index;
    let value = '';
    for (; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code === QUOTE) {
        value += text.slice(start, index);
        index += 1;
        return value;
      }
      if (code === BACKSLASH) {
        value += text.slice(start, index);
        index += 1;
        start = index;
      }
    }
    throw refuseText('hstore');
  };
  while (index < text.length) {
    if (pairs.length > 0) {
      if (!text.startsWith(', ', index)) throw refuseText('hstore');
      index += 2;
    }
    const key = readQuoted();
    if (!text.startsWith('=>', index)) throw refuseText('hstore');
    index += 2;
    if (text.startsWith('NULL', index)) {
      index += 4;
      pairs.push([key, null]);
    } else {
      pairs.push([key, readQuoted()]);
    }
  }
  return pairs.sort(([left], [right]) => compareUtf8(left, right));
}
