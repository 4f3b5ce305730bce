/**
 * A whole number from 0 on in decimal, for numbers of which each is written once: what `String` gives is kept, by number, in a
 * cache of the engine of some ten thousand places, and so each text becomes old before it is garbage.
 */
export function decimal(n: number): string {
  const thousands = Math.floor(n / 1_000);
  return thousands === 0 ? String(n) : String(thousands) + (LAST_DIGITS[n % 1_000] ?? '');
}

const LAST_DIGITS: readonly string[] = Array.from({ length: 1_000 }, (_, n) =>
  String(n).padStart(3, '0'),
);
