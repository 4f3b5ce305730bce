/**
 * A log sequence number: a byte position in the server's log.
 *
 * https://www.postgresql.org/docs/current/datatype-pg-lsn.html
 */
export type Lsn = bigint;

const LSN_TEXT = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;

/** Reads `16/B374D848`; null for anything else. */
export function parseLsn(text: string): Lsn | null {
  const match = LSN_TEXT.exec(text);
  if (match === null) return null;
  return (BigInt(`0x${match[1] ?? '0'}`) << 32n) | BigInt(`0x${match[2] ?? '0'}`);
}

/** Writes a position as PostgreSQL does: `16/B374D848`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

/** Writes a position as 16 hexadecimal digits, which sort as text. */
export function sortableLsn(lsn: Lsn): string {
  return lsn.toString(16).toUpperCase().padStart(16, '0');
}
