import { hash } from 'node:crypto';

import type { Receipt, TableVersion } from '@certyo-cdc/core';

/** The version of a table that tests use. */
export const ITEMS: TableVersion = Object.freeze({
  schema: 'public',
  name: 'items',
  columns: [{ name: 'id', type: 'bigint', isKey: true }],
  fingerprint: 'f'.repeat(64),
});

/** A receipt; the rest is filled in. */
export function receipt(recordId: string, more: Partial<Receipt> = {}): Receipt {
  return {
    database: 'shop',
    collection: 'public.items',
    recordId,
    recordVersion: '000001-1',
    eventId: `event of ${recordId}`,
    operationType: 'insert',
    payloadFingerprint: hash('sha256', recordId, 'hex'),
    recordHash: hash('sha256', `hash of ${recordId}`, 'hex'),
    acceptedAt: new Date().toISOString(),
    replayed: false,
    table: ITEMS,
    ...more,
  };
}
