import { hash } from 'node:crypto';

import type { RecordName } from '@certyo-cdc/core';

/** 128 bits in hexadecimal, which node:crypto makes several times faster than a Buffer. */
const KEY_DIGITS = 32;

/**
 * The key of a record in the ledger: the first 128 bits of SHA-256 over the JSON array of database and collection, followed by
 * the recordId. Record ids may be longer than an index entry can be. A uuid, as PostgreSQL reads it: without hyphens.
 */
export function recordKey(record: RecordName): string {
  const head = headOf(record.database, record.collection);
  return digestKey(head + record.recordId);
}

/** The first 128 bits of SHA-256 as a uuid without hyphens. */
export function digestKey(text: string): string {
  return hash('sha256', text, 'hex').slice(0, KEY_DIGITS);
}

/** The same as PostgreSQL prints it. */
export function uuidText(hex: string): string {
  return [8, 12, 16, 20, 32]
    .map((end, index, ends) => hex.slice(ends[index - 1] ?? 0, end))
    .join('-');
}

let lastDatabase = '';
let lastCollection = '';
let lastHead = '["",""]';

/** Records of one table mostly follow each other. */
function headOf(database: string, collection: string): string {
  if (database === lastDatabase && collection === lastCollection) return lastHead;
  lastDatabase = database;
  lastCollection = collection;
  lastHead = JSON.stringify([database, collection]);
  return lastHead;
}
