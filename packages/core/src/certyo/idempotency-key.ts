import { hash } from 'node:crypto';

import type { RecordDraft } from './record-draft.ts';

/** Longest part of a name in a key; three of them and the digest stay below 128 characters. */
const MAX_PART = 40;

/**
 * The key by which the API recognises a repeat: 128 bits of SHA-256 over database, collection, recordId, operationType,
 * recordVersion and payload, behind a part for people to read. At most 128 characters of `[A-Za-z0-9._-]`.
 *
 * The payload is in it because the API answers the same key with its first answer, whatever the content (H-05); there
 * is no clock in it, because an hour or a date would make one key of two changes, or two of one (H-06).
 */
export function idempotencyKey(draft: RecordDraft): string {
  const fields = JSON.stringify([
    draft.database,
    draft.collection,
    draft.recordId,
    draft.operationType,
    draft.recordVersion,
  ]);
  const digest = hash('sha256', fields + draft.payload, 'hex');
  return `${readable(draft.collection)}-${readable(draft.recordId)}-${digest.slice(0, 32)}`;
}

function readable(text: string): string {
  return text.slice(0, MAX_PART).replace(/[^A-Za-z0-9._]/gu, '_');
}
