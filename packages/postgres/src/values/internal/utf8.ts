import { type Buffer, isUtf8 } from 'node:buffer';

import { ValueError } from '@certyo-cdc/core';

const REPLACEMENT = '\ufffd';

/**
 * The text of bytes.
 *
 * @throws ValueError for bytes that are not UTF-8.
 */
export function utf8Text(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  // Decoding puts U+FFFD in the place of what is not UTF-8; but the value may hold that character itself.
  if (text.includes(REPLACEMENT)) checkUtf8(bytes, start, end);
  return text;
}

/** @throws ValueError for bytes that are not UTF-8. */
export function checkUtf8(bytes: Buffer, start: number, end: number): void {
  for (let index = start; index < end; index += 1) {
    if ((bytes[index] as number) < 0x80) continue;
    if (isUtf8(bytes.subarray(index, end))) return;
    throw new ValueError(null, 'It holds bytes that are not UTF-8.', {
      remedy:
        'Correct the value; a database with encoding SQL_ASCII accepts any bytes. Or exclude the column.',
    });
  }
}

/** Whether all bytes are ASCII, four at a time. */
export function isAscii(words: DataView, start: number, end: number): boolean {
  let seen = 0;
  let index = start;
  for (; index + 4 <= end; index += 4) seen |= words.getInt32(index, true);
  for (; index < end; index += 1) seen |= words.getInt8(index);
  return (seen & 0x80808080) === 0;
}
