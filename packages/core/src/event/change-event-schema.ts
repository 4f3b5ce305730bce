import { z } from 'zod';

import type { GapCode } from '../errors/codes.ts';
import type { ChangeEvent } from './change-event.ts';
import type { ChangeEventJson } from './change-event-json.ts';
import { JsonNumber, type JsonRow } from './json.ts';

const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/u, 'a log position like 16/B374D848');

/** Checked as it is and not copied: a copy would lose a column named `__proto__` and the order of a key. */
const row = z.custom<JsonRow>(isRow, 'a row: JSON values by column name');

const column = z.object({
  name: z.string(),
  typeOid: z.number().int().nonnegative(),
  typeName: z.string(),
  isKey: z.boolean(),
  nullable: z.boolean().nullable(),
});

const table = z.object({
  database: z.string(),
  schema: z.string(),
  name: z.string(),
  oid: z.number().int().nonnegative(),
  columns: z.array(column),
});

const base = z.object({
  id: z.string().min(1),
  version: z.string().min(1),
  lsn: lsn.optional(),
  transaction: z
    .object({
      xid: z.string().regex(/^\d+$/u).nullable(),
      committedAt: z.string().nullable(),
      beginLsn: lsn.optional(),
      commitLsn: lsn.optional(),
    })
    .nullable(),
  source: z.object({
    kind: z.string(),
    name: z.string(),
    systemIdentifier: z.string().nullable(),
  }),
});

const rowChange = base.extend({
  operation: z.enum(['insert', 'update', 'delete', 'snapshot']),
  table,
  key: row,
  previousKey: row.nullable(),
  before: row.nullable(),
  after: row.nullable(),
  unavailable: z.array(z.string()),
});

const truncate = base.extend({
  operation: z.literal('truncate'),
  table,
  cascade: z.boolean().nullable(),
  restartIdentity: z.boolean().nullable(),
});

const schemaChange = base.extend({
  operation: z.literal('schema'),
  table,
  previousColumns: z.array(column).nullable(),
  statement: z.string().optional(),
});

const logicalMessage = base.extend({
  operation: z.literal('message'),
  prefix: z.string(),
  content: z.string().regex(/^\\x(?:[0-9a-f]{2})*$/u, '\\x and hexadecimal digits'),
  transactional: z.boolean(),
});

const acceptedGap = base.extend({
  operation: z.literal('gap'),
  database: z.string(),
  code: z.custom<GapCode>(
    (value) => typeof value === 'string' && /^GAP_[A-Z_]+$/u.test(value),
    'a code that begins with GAP_',
  ),
  from: z.string(),
  to: z.string(),
  resolvedBy: z.enum(['accept', 'copy']),
  tables: z.array(z.string()),
});

/** One schema per operation; an operation that has none does not compile. */
const byOperation = {
  insert: rowChange,
  update: rowChange,
  delete: rowChange,
  snapshot: rowChange,
  truncate,
  schema: schemaChange,
  message: logicalMessage,
  gap: acceptedGap,
} as const satisfies Record<ChangeEvent['operation'], z.ZodType>;

/**
 * Reads the JSON form of an event, for example from a file or queue that `JSON.stringify(event)` was written to.
 *
 * Whatever an event of this library gives is read without loss: rows are handed on as they are. Fields that a newer
 * version added are left out.
 *
 * @example
 * const event = changeEventSchema.parse(JSON.parse(line));
 * if (event.operation === 'insert') console.log(event.table.name, event.after);
 */
export const changeEventSchema: z.ZodType<ChangeEventJson> = z.discriminatedUnion('operation', [
  byOperation.insert,
  byOperation.truncate,
  byOperation.schema,
  byOperation.message,
  byOperation.gap,
]);

function isRow(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value);
}

function isJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null || JsonNumber.is(value)) return true;
      return Array.isArray(value) ? value.every(isJson) : Object.values(value).every(isJson);
    default:
      return false;
  }
}
