import { expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { createWriteBack } from './create-write-back.ts';
import type { WriteBackOptions } from './options.ts';

const connection = 'postgresql://somebody@localhost/nowhere';
const receipts = postgresReceiptStore({ connection });
const columns = { into: 'columns', tables: ['public.t'], source: 'polling' } as const;

test.each<readonly [object, string]>([
  [{ receipts: {} }, 'postgresReceiptStore'],
  [{ into: 'columns' }, 'tables'],
  [{ tables: ['public.t'] }, 'into'],
  [{ into: 'columns', tables: ['public.t'] }, 'source'],
  [{ ...columns, source: 'triggers' }, 'source'],
  [{ ...columns, source: { kind: 'polling', origin: 'none' } }, 'source'],
  [{ ...columns, tables: ['certyo.t'] }, 'certyo'],
  [{ ...columns, columns: { status: 'a', recordHash: 'a' } }, 'columns'],
  [{ ...columns, batchSize: 5000 }, 'batchSize'],
  [{ ...columns, sweepIntervalMs: 0 }, 'sweepIntervalMs'],
  [{ ...columns, mapping: { recordId: 1 } }, 'mapping'],
  [{ ...columns, keyOf: 'id' }, 'keyOf'],
  [{ colums: {} }, 'colums'],
])('%o is refused, and %s named', (options, named) => {
  const given = { receipts, connection, ...options } as WriteBackOptions;
  expect(() => createWriteBack(given)).toThrow(named);
});
