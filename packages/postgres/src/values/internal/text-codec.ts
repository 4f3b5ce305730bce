import type { ByteWriter } from '@certyo-cdc/core/internal';

import type { ValueCodec } from '../value-codec.ts';
import { utf8Text } from './utf8.ts';

/** A codec of values that have to be taken apart as text. */
export function codecOfText(
  writeText: (text: string, out: ByteWriter) => void,
  toValue: ValueCodec['toValue'],
): ValueCodec {
  return {
    writeJson: (bytes, start, end, out) => writeText(utf8Text(bytes, start, end), out),
    toValue,
  };
}
