import type { RowChange, TableInfo } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { createTypeRegistry } from '../values/type-registry.ts';
import { createRowChange, type RowChangeOptions } from './row-change.ts';
import { createRowDescriptor, type RowDescriptorOptions } from './row-descriptor.ts';
import { NOT_SENT, tupleFromTexts, type TupleText, UNAVAILABLE } from './tuple.ts';

const INT4 = 23;
const TEXT = 25;

function tableOf(...columns: readonly (readonly [string, number])[]): TableInfo {
  return {
    database: 'shop',
    schema: 'public',
    name: 'item',
    oid: 4711,
    columns: columns.map(([name, typeOid], index) => ({
      name,
      typeOid,
      typeName: 'any',
      isKey: index === 0,
      nullable: index !== 0,
    })),
  };
}

const ITEM = tableOf(['id', INT4], ['name', TEXT], ['note', TEXT]);

function change(
  before: readonly TupleText[] | null,
  after: readonly TupleText[] | null,
  options: Partial<RowChangeOptions> & Partial<RowDescriptorOptions> = {},
): RowChange {
  const { table = ITEM, omit, keyColumns, maxValueBytes } = options;
  const operation = after === null ? 'delete' : before === null ? 'insert' : 'update';
  return createRowChange({
    operation,
    id: 'e1',
    version: 'v1',
    transaction: null,
    source: { kind: 'memory', name: 'test', systemIdentifier: null },
    ...options,
    descriptor: createRowDescriptor({
      table,
      registry: createTypeRegistry(),
      omit,
      keyColumns,
      maxValueBytes,
    }),
    before: before === null ? null : tupleFromTexts(before),
    after: after === null ? null : tupleFromTexts(after),
  });
}

describe('createRowChange', () => {
  test('an insert shows the new row, its key and no old one', () => {
    const event = change(null, ['7', 'a "b"', null]);
    expect(event.after).toEqual({ id: 7, name: 'a "b"', note: null });
    expect(event.before).toBeNull();
    expect(event.key).toEqual({ id: 7 });
    expect(event.previousKey).toBeNull();
    expect(event.unavailable).toEqual([]);
    expect(event.canonicalRow()).toBe('{"id":7,"name":"a \\"b\\"","note":null}');
  });

  test('a delete that shows only the key writes only the key', () => {
    const event = change(['7', NOT_SENT, NOT_SENT], null);
    expect(event.after).toBeNull();
    expect(event.before).toEqual({ id: 7 });
    expect(event.unavailable).toEqual([]);
    expect(event.canonicalRow()).toBe('{"id":7}');
  });

  test('R-21: unchanged TOAST comes from a full old row', () => {
    const event = change(['7', 'a', 'long'], ['7', 'b', UNAVAILABLE]);
    expect(event.after).toEqual({ id: 7, name: 'b', note: 'long' });
    expect(event.unavailable).toEqual([]);
    expect(event.canonicalRow()).toBe('{"id":7,"name":"b","note":"long"}');
  });

  test('R-21: unchanged TOAST that nothing shows is left out and named', () => {
    const event = change(null, ['7', 'b', UNAVAILABLE], { operation: 'update' });
    expect(event.after).toEqual({ id: 7, name: 'b' });
    expect(event.unavailable).toEqual(['note']);
    expect(event.canonicalRow()).toBe('{"_unavailable":["note"],"id":7,"name":"b"}');
  });

  test('a change of key shows both keys', () => {
    const event = change(['7', NOT_SENT, NOT_SENT], ['8', 'b', null]);
    expect(event.key).toEqual({ id: 8 });
    expect(event.previousKey).toEqual({ id: 7 });
    expect(event.before).toEqual({ id: 7 });
  });
});
