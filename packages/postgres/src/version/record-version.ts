import { decimal } from '@certyo-cdc/core/internal';

/** Width of a position: the largest int8 and xid8 in decimal. */
const POSITION_DIGITS = 20;

/**
 * The version of a record at a position that is a number: it grows with epoch, position and n, and sorts as text.
 *
 * @param position Not negative: a sequence number, an xid8, microseconds since a fixed beginning.
 * @param n Tells changes at one position apart. @default 0
 */
export function recordVersion(epoch: number, position: bigint, n: number = 0): string {
  return versionText(epoch, position.toString().padStart(POSITION_DIGITS, '0'), n);
}

/** The same where the position is a text of a fixed width already, for example a log position in hexadecimal. */
export function versionText(epoch: number, position: string, n: number): string {
  return versionOf(versionPrefix(epoch, position), n);
}

/** What the versions of one position have in common. */
export function versionPrefix(epoch: number, position: string): string {
  return `${String(epoch).padStart(6, '0')}-${position}-`;
}

/** The n-th version behind a prefix. */
export function versionOf(prefix: string, n: number): string {
  const digits = decimal(n);
  return prefix + NO_DIGITS.slice(digits.length) + digits;
}

/** As many as n can have. */
const NO_DIGITS = '0000000000';
