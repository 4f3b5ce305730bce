import { parseJson } from '@certyo-cdc/core';
import { writeMinified } from '@certyo-cdc/core/internal';

import { checkUtf8, isAscii } from './internal/utf8.ts';
import type { ValueCodec } from './value-codec.ts';

const MAX_DEPTH = 1000;

/**
 * json and jsonb: the text itself without the whitespace between tokens. Digits, key order, escapes and duplicate keys
 * stay, at any depth; a mapper gets the parsed value, with the last of duplicate keys, to a depth of 1000.
 */
export const jsonCodec: ValueCodec = {
  writeJson(bytes, start, end, out) {
    if (!isAscii(out.wordsOf(bytes), start, end)) checkUtf8(bytes, start, end);
    writeMinified(bytes, start, end, out);
  },
  toValue: (text) => parseJson(text, { maxDepth: MAX_DEPTH }),
};
