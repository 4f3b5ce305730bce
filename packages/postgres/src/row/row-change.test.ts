import { Buffer } from 'node:buffer';

import type { RowChange, TableInfo } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { createTypeRegistry } from '../values/type-registry.ts';
import { createRowChange, type RowChangeOptions } from './row-change.ts';
import { createRowDescriptor, type RowDescriptorOptions } from './row-descriptor.ts';
import { NOT_SENT, tupleFromTexts, tupleOf, type TupleText, UNAVAILABLE } from './tuple.ts';

const registry = createTypeRegistry();

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

const OPTIONS = {
  operation: 'insert',
  id: 'e1',
  version: 'v1',
  transaction: null,
  source: { kind: 'memory', name: 'test', systemIdentifier: null },
} as const;

function change(
  before: readonly TupleText[] | null,
  after: readonly TupleText[] | null,
  options: Partial<RowChangeOptions> & Partial<RowDescriptorOptions> = {},
): RowChange {
  const { table = ITEM, omit, keyColumns, maxValueBytes } = options;
  const operation = after === null ? 'delete' : before === null ? 'insert' : 'update';
  return createRowChange({
    ...OPTIONS,
    operation,
    ...options,
    descriptor: createRowDescriptor({
      table,
      registry,
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

  test('whoever is asked for columns may look at the row as it is written', () => {
    const event = change(null, ['7', 'a', null]);
    const isNull = (column: string): boolean => event.canonicalRow().includes(`"${column}":null`);
    expect(event.canonicalRow((column) => !isNull(column))).toBe('{"id":7,"name":"a"}');
    const failing = (): boolean => {
      throw new Error('not this one');
    };
    expect(() => event.canonicalRow(failing)).toThrow('not this one');
    expect(event.canonicalRow((column) => column === 'id')).toBe('{"id":7}');
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

  test('R-21: `_unavailable` stands in its sorted place and lists names sorted by bytes', () => {
    const cases: readonly (readonly [readonly string[], readonly TupleText[], string])[] = [
      [['Z', 'b', 'a'], ['1', UNAVAILABLE, UNAVAILABLE], '{"Z":1,"_unavailable":["a","b"]}'],
      [['z', 'b', 'Y'], ['1', UNAVAILABLE, 'y'], '{"Y":"y","_unavailable":["b"],"z":1}'],
      [['Z', 'Y', 'X'], ['1', UNAVAILABLE, null], '{"X":null,"Z":1,"_unavailable":["Y"]}'],
      [
        ['_u', '_v', '_unavailablf'],
        ['1', UNAVAILABLE, null],
        '{"_u":1,"_unavailable":["_v"],"_unavailablf":null}',
      ],
    ];
    for (const [names, texts, json] of cases) {
      const table = tableOf(
        ...names.map((name, index) => [name, index === 0 ? INT4 : TEXT] as const),
      );
      const event = change(null, texts, { operation: 'update', table });
      expect(event.canonicalRow()).toBe(json);
      expect(JSON.parse(json)).toMatchObject({ _unavailable: event.unavailable });
    }
  });

  test('R-21: what is neither included nor seen is not named', () => {
    const event = change(null, ['7', UNAVAILABLE, UNAVAILABLE], { operation: 'update' });
    expect(event.canonicalRow((name) => name !== 'note')).toBe('{"_unavailable":["name"],"id":7}');
    expect(event.canonicalRow((name) => name === 'id')).toBe('{"id":7}');
    expect(event.canonicalRow((name) => name === 'note')).toBe('{"_unavailable":["note"]}');
    expect(event.canonicalRow(() => false)).toBe('{}');
  });

  test('R-21: a column named _unavailable is refused only when it would be hidden', () => {
    const table = tableOf(['id', INT4], ['_unavailable', TEXT], ['note', TEXT]);
    const seen = change(null, ['7', 'x', 'y'], { table });
    expect(seen.canonicalRow()).toBe('{"_unavailable":"x","id":7,"note":"y"}');
    const hidden = change(null, ['7', 'x', UNAVAILABLE], { operation: 'update', table });
    expect(() => hidden.canonicalRow()).toThrow('"_unavailable"');
  });

  test('a full delete writes the old row', () => {
    const event = change(['7', 'a', null], null);
    expect(event.before).toEqual({ id: 7, name: 'a', note: null });
    expect(event.after).toBeNull();
    expect(event.key).toEqual({ id: 7 });
    expect(event.previousKey).toBeNull();
    expect(event.canonicalRow()).toBe('{"id":7,"name":"a","note":null}');
  });

  test('R-20: an update under REPLICA IDENTITY FULL shows a previous key only when it differs', () => {
    expect(change(['7', 'a', null], ['7', 'b', null]).previousKey).toBeNull();
    expect(change(['7', 'a', null], ['8', 'a', null]).previousKey).toEqual({ id: 7 });
    expect(change(['7', 'a', null], ['7', 'b', null]).before).toEqual({
      id: 7,
      name: 'a',
      note: null,
    });
  });

  test('R-20: composite keys have the order that was asked for, and a previous key is complete', () => {
    const keyColumns = ['name', 'id'];
    const event = change(['7', 'a', NOT_SENT], ['7', 'b', 'n'], { keyColumns });
    expect(Object.keys(event.key)).toEqual(['name', 'id']);
    expect(event.key).toEqual({ name: 'b', id: 7 });
    expect(event.previousKey).toEqual({ name: 'a', id: 7 });
  });

  test('R-19: the old row is written as far as it was sent', () => {
    const full = change(['7', 'a', 'x'], ['8', UNAVAILABLE, 'y']);
    expect(full.canonicalRow(undefined, 'before')).toBe('{"id":7,"name":"a","note":"x"}');
    expect(full.canonicalRow((name) => name !== 'id', 'before')).toBe('{"name":"a","note":"x"}');
    const keyOnly = change(['7', NOT_SENT, NOT_SENT], ['8', 'b', 'y']);
    expect(keyOnly.canonicalRow(undefined, 'before')).toBe('{"id":7}');
    const unchanged = change(null, ['7', 'b', UNAVAILABLE], { operation: 'update' });
    expect(unchanged.canonicalRow(undefined, 'before')).toBe('{"id":7}');
    expect(unchanged.canonicalRow(undefined, 'after')).toBe(
      '{"_unavailable":["note"],"id":7,"name":"b"}',
    );
  });

  test('R-20: a key column that is unchanged TOAST is taken from the old key', () => {
    const keyColumns = ['id', 'name'];
    const event = change(['7', 'long', NOT_SENT], ['8', UNAVAILABLE, 'n'], { keyColumns });
    expect(event.key).toEqual({ id: 8, name: 'long' });
    expect(event.previousKey).toEqual({ id: 7, name: 'long' });
    expect(event.canonicalRow()).toBe('{"id":8,"name":"long","note":"n"}');
  });

  test('I9: a key that the change does not show is refused, not guessed', () => {
    const keyColumns = ['id', 'name'];
    const hidden = change(['7', NOT_SENT, NOT_SENT], null, { keyColumns });
    expect(() => hidden.key).toThrow('Column "name"');
    const update = change(['7', NOT_SENT, NOT_SENT], ['8', 'b', null], { keyColumns });
    expect(() => update.previousKey).toThrow('Column "name"');
  });

  test('NULL and the empty text are two values', () => {
    expect(change(null, ['7', '', null]).canonicalRow()).toBe('{"id":7,"name":"","note":null}');
    expect(change(null, ['7', '', null]).after).toEqual({ id: 7, name: '', note: null });
    const keyColumns = ['name'];
    expect(change([NOT_SENT, '', NOT_SENT], ['7', null, null], { keyColumns }).previousKey).toEqual(
      {
        name: '',
      },
    );
  });

  test('omitted columns are in no row, key or payload, and unavailable ones are not named', () => {
    const event = change(null, ['7', UNAVAILABLE, 'x'], { operation: 'update', omit: ['name'] });
    expect(event.after).toEqual({ id: 7, note: 'x' });
    expect(event.unavailable).toEqual([]);
    expect(event.canonicalRow()).toBe('{"id":7,"note":"x"}');
    expect(() => change(null, ['7', 'a', 'b'], { omit: ['id'] })).toThrow('Expected `key`');
  });

  test('rows are read once, frozen and without prototype', () => {
    const event = change(['7', 'a', 'b'], ['8', 'c', 'd']);
    for (const name of ['key', 'previousKey', 'before', 'after'] as const) {
      const row = event[name];
      expect(row).toBe(event[name]);
      expect(Object.isFrozen(row)).toBe(true);
      expect(Object.getPrototypeOf(row)).toBeNull();
    }
    expect(() => Object.assign(event, { id: 'another' })).toThrow(TypeError);
  });

  test('the payload is written from the bytes, whatever a reader does with the parsed values', () => {
    const table = tableOf(['id', INT4], ['doc', 3802]);
    const event = change(null, ['7', '{"a": 1.50}'], { table });
    Object.assign(event.after?.['doc'] as object, { a: 2 });
    expect(event.canonicalRow()).toBe('{"doc":{"a":1.50},"id":7}');
  });

  test('a spread finds nothing in it; tests tell it from another event', () => {
    const event = change(['7', 'a', 'x'], ['8', 'b', 'y']);
    expect({ ...event }).toEqual({});
    expect(event).toEqual(change(['7', 'a', 'x'], ['8', 'b', 'y']));
    expect(event).not.toEqual(change(null, ['8', 'b', 'y']));
    expect(String(event)).toBe('[object update e1]');
  });

  test('JSON.stringify gives every field as plain JSON', () => {
    const table = tableOf(['id', INT4], ['doc', 3802]);
    const event = change(null, ['7', '[9007199254740993]'], { table });
    expect(JSON.parse(JSON.stringify(event))).toEqual({
      operation: 'insert',
      id: 'e1',
      version: 'v1',
      table: JSON.parse(JSON.stringify(table)) as unknown,
      key: { id: 7 },
      previousKey: null,
      before: null,
      after: { id: 7, doc: ['9007199254740993'] },
      unavailable: [],
      transaction: null,
      source: { kind: 'memory', name: 'test', systemIdentifier: null },
    });
  });

  test('T-15: bytes that are not UTF-8 are refused with the name of the column', () => {
    const event = (bytes: readonly number[]): RowChange =>
      createRowChange({
        ...OPTIONS,
        descriptor: createRowDescriptor({ table: tableOf(['note', TEXT]), registry }),
        before: null,
        after: tupleOf(Buffer.from(bytes), Int32Array.of(0, bytes.length)),
      });
    const invalid = [
      [0xff],
      [0x80],
      [0xc3],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0x61, 0xe2, 0x82, 0x62],
    ];
    for (const bytes of invalid) {
      expect(() => event(bytes).canonicalRow()).toThrow('Column "note" of "public"."item"');
      expect(() => event(bytes).after).toThrow(expect.objectContaining({ column: 'note' }));
    }
    expect(event([0xef, 0xbf, 0xbd]).canonicalRow()).toBe('{"note":"\ufffd"}');
    expect(event([0xef, 0xbb, 0xbf, 0x61]).canonicalRow()).toBe('{"note":"\ufeffa"}');
    expect(event([0xf0, 0x9f, 0x98, 0x80]).canonicalRow()).toBe('{"note":"😀"}');
  });

  test('T-16: a value over the limit is refused by name, the rest of the row is readable', () => {
    const event = change(null, ['7', 'x'.repeat(11), 'y'], { maxValueBytes: 10 });
    expect(() => event.canonicalRow()).toThrow('Column "name" of "public"."item" holds 11 bytes');
    expect(() => event.after).toThrow(expect.objectContaining({ code: 'VALUE_UNREPRESENTABLE' }));
    expect(event.canonicalRow((name) => name !== 'name')).toBe('{"id":7,"note":"y"}');
    expect(change(null, ['7', 'é'.repeat(5), 'y'], { maxValueBytes: 10 }).after).toBeDefined();
    for (const maxValueBytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => change(null, ['7', 'a', 'b'], { maxValueBytes })).toThrow('`maxValueBytes`');
    }
  });

  test('I11: errors name the column, never the value', () => {
    const event = change(null, ['CANARY', 'a', 'b']);
    let message = '';
    try {
      event.canonicalRow();
    } catch (error) {
      message = String(error) + String((error as Error).cause);
    }
    expect(message).toContain('Column "id"');
    expect(message).not.toContain('CANARY');
  });

  test('I9: tuples that do not fit the table are refused at once', () => {
    expect(() => change(null, ['7', 'a'])).toThrow('2 columns; the table has 3');
    expect(() => change(['7'], ['7', 'a', 'b'])).toThrow('1 columns; the table has 3');
    expect(() => change(null, null)).toThrow('has no old row');
    expect(() => change(['7', 'a', 'b'], null, { operation: 'update' })).toThrow('no new row');
    expect(() => change(['7', 'a', 'b'], ['7', 'a', 'b'], { operation: 'delete' })).toThrow(
      'new one',
    );
  });
});

describe('createRowDescriptor', () => {
  test('I9: names the column whose type is not known', () => {
    const table = tableOf(['id', INT4], ['odd', 99_999]);
    expect(() => createRowDescriptor({ table, registry })).toThrow(
      expect.objectContaining({
        code: 'GAP_TYPE_UNKNOWN',
        message: expect.stringContaining('"odd" of "public"."item"'),
      }),
    );
    expect(createRowDescriptor({ table, registry, omit: ['odd'] }).columns).toHaveLength(1);
  });

  test('refuses key columns that the table does not have', () => {
    expect(() => createRowDescriptor({ table: ITEM, registry, keyColumns: ['nope'] })).toThrow(
      '`nope`',
    );
  });
});
