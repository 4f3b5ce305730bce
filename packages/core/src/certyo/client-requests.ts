import type { z } from 'zod';

import { ConfigurationError } from '../errors/configuration-error.ts';
import type { JsonValue } from '../event/json.ts';
import { canonicalJson, printPath } from '../json/canonical-json.ts';
import type { BulkItem } from './bulk-answer.ts';
import type { CertyoRecord } from './certyo-types.ts';
import { recordSchema } from './schemas.ts';

/** Most records in one bulk request. */
export const MAX_BULK_RECORDS = 1000;

/** Joins a path below `/api/v1`. Ids are encoded, and never change the path around them. */
export function apiPath(segments: string | readonly string[]): string {
  if (typeof segments === 'string') return `/api/v1/${segments}`;
  const encoded = segments.map((segment) => {
    if (typeof segment !== 'string' || ['', '.', '..'].includes(segment)) {
      throw new ConfigurationError('id', 'Expected an id of the API, got text that is none.');
    }
    return encodeURIComponent(segment);
  });
  return `/api/v1/${encoded.join('/')}`;
}

/** Refuses a request that does not match its schema; names paths, never values. */
export function checkRequest(name: string, schema: z.ZodType, value: unknown): void {
  const result = schema.safeParse(value);
  if (result.success) return;
  const paths = result.error.issues.map((issue) => {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
    const keys = issue.code === 'unrecognized_keys' ? ' (unknown member)' : '';
    return `\`${printPath(path).replace('$', name)}\`${keys}`;
  });
  throw new ConfigurationError(
    name,
    `Expected a request that the API takes; wrong at ${paths.join(', ')}.`,
  );
}

/** Refuses what is no list of 1 to 1000 records. */
export function isRecordList(records: readonly CertyoRecord[]): void {
  if (!Array.isArray(records) || records.length === 0 || records.length > MAX_BULK_RECORDS) {
    throw new ConfigurationError('records', `Expected 1 to ${MAX_BULK_RECORDS} records.`);
  }
}

/** A record as the text of its body. */
export function toRecordBody(name: string, record: CertyoRecord, tenantId: string): string {
  checkRequest(name, recordSchema, record);
  const given = Object.entries(record).filter(([, value]) => value !== undefined);
  return canonicalJson({ ...Object.fromEntries(given), tenantId } as JsonValue);
}

/** What the answer's entries are matched by. */
export function bulkItems(records: readonly CertyoRecord[]): readonly BulkItem[] {
  return records.map((record) => ({
    database: record.database,
    collection: record.collection,
    recordId: record.recordId,
    recordVersion: record.recordVersion ?? '1',
    idempotencyKey: record.idempotencyKey ?? '',
  }));
}
