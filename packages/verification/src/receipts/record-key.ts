import { hash } from 'node:crypto';

import type { RecordName } from '@certyo-cdc/core';

const KEY_BYTES = 16;

/**
 * The key of a record in the ledger: the first 128 bits of SHA-256 over the JSON array of database and collection, followed by
 * the recordId. Record ids may be longer than an index entry can be.
 */
export function recordKey(record: RecordName): Buffer {
  const head = headOf(record.database, record.collection);
  return hash('sha256', head + record.recordId, 'buffer').subarray(0, KEY_BYTES);
}

/** A uuid as PostgreSQL prints it. */
export function uuidText(key: Buffer): string {
  const hex = key.toString('hex');
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
