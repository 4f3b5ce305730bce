import type { Buffer } from 'node:buffer';

const ZERO = 0x30;
const NINE = 0x39;

export function isDigit(code: number | undefined): boolean {
  return code !== undefined && code >= ZERO && code <= NINE;
}

/** The index behind the digits that begin at `start`. */
export function skipDigits(bytes: Buffer, start: number, end: number): number {
  let index = start;
  while (index < end && isDigit(bytes[index])) index += 1;
  return index;
}

/** Whether the bytes are exactly this ASCII text. */
export function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
