import { hash } from 'node:crypto';

/** Longest part of a name in a key; three of them and the digest stay below 128 characters. */
const MAX_PART = 40;
/** So much of the digest stands in a key. */
export const DIGEST_DIGITS = 32;
const IS_READABLE = /^\w{1,40}$/;

/**
 * The digest whose first `DIGEST_DIGITS` are the end of the key by which the API recognises a repeat: 128 bits of SHA-256 over database, collection, recordId,
 * operationType, recordVersion and payload. In front of it stand parts for people to read; the whole has at most 128
 * characters of `[A-Za-z0-9._-]`.
 *
 * The payload is in it because the API answers the same key with its first answer, whatever the content (H-05); there
 * is no clock in it, because an hour or a date would make one key of two changes, or two of one (H-06).
 *
 * @param bytes These as they stand in the record, with their names: one text for one record only.
 */
export function digestKey(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** As much of a name as stands in a key. */
export function readablePart(text: string): string {
  // Most are numbers or plain names.
  if (IS_READABLE.test(text)) return text;
  return text.slice(0, MAX_PART).replace(/[^A-Za-z0-9._]/gu, '_');
}
