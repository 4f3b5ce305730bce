/**
 * Compares two strings by their UTF-8 bytes, which is their order by code point.
 *
 * UTF-16 order differs where one has a surrogate pair and the other a character of U+E000 to U+FFFF.
 */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    const aIsSurrogate = a >= 0xd800 && a <= 0xdfff;
    const bIsSurrogate = b >= 0xd800 && b <= 0xdfff;
    if (aIsSurrogate === bIsSurrogate) return a - b;
    return aIsSurrogate ? 1 : -1;
  }
  return left.length - right.length;
}
