import { minifyJson, parseJson } from '@certyo-cdc/core';

import type { ValueCodec } from './value-codec.ts';

/**
 * json and jsonb: the text itself without the whitespace between tokens. Digits, key order, escapes and duplicate keys
 * stay; a mapper gets the parsed value, with the last of duplicate keys.
 */
export const jsonCodec: ValueCodec = { toJson: minifyJson, toValue: parseJson };
