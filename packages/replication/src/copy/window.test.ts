import type { ChangeEvent, TableInfo } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { ChunkWindow } from './window.ts';

function tableOf(name: string, typeOid = 23): TableInfo {
  const id = { name: 'id', typeOid, typeName: 'any', isKey: true, nullable: false };
  return { database: 'd', schema: 'public', name, oid: 1, columns: [id] };
}

const T = tableOf('t');

interface Row {
  readonly id: number | string;
  readonly before?: number;
  readonly unavailable?: readonly string[];
  readonly table?: string;
  readonly typeOid?: number;
}

function row({ before, id, table = 't', typeOid, unavailable = [] }: Row): ChangeEvent {
  return {
    operation: 'update',
    table: tableOf(table, typeOid),
    key: { id },
    previousKey: before === undefined ? null : { id: before },
    unavailable,
  } as unknown as ChangeEvent;
}

function statement(operation: 'truncate' | 'schema', table = 't'): ChangeEvent {
  return { operation, table: { schema: 'public', name: table } } as unknown as ChangeEvent;
}

function keysOf(events: readonly ChangeEvent[]): unknown[] {
  return events.map((event) => (event as unknown as { key: { id: unknown } }).key.id);
}

describe(ChunkWindow, () => {
  test('S-07: rows that were touched are left out, under their old and their new key', () => {
    const window = new ChunkWindow(T, []);
    window.saw([row({ id: 1 }), row({ id: 20, before: 2 }), row({ id: 3, table: 'other' })]);
    const chunk = [1, 2, 3, 20].map((id) => row({ id }));
    expect(keysOf(window.untouched(chunk))).toEqual([3]);
    expect(window.spoilt).toBeNull();
  });

  test('a key that is a number is not one that is a text', () => {
    const window = new ChunkWindow(T, []);
    window.saw([row({ id: '1' })]);
    expect(keysOf(window.untouched([row({ id: 1 })]))).toEqual([1]);
  });

  test('keys of another type than the chunk has cannot be compared: it is read again', () => {
    const window = new ChunkWindow(T, []);
    window.saw([row({ id: 2, table: 'other', typeOid: 20 })]);
    expect(window.spoilt).toBeNull();
    window.saw([row({ id: '1', typeOid: 20 })]);
    expect(window.spoilt).toBe('schema');
  });

  test.each(['truncate', 'schema'] as const)('%s of the table: the chunk is read again', (what) => {
    const window = new ChunkWindow(T, []);
    window.saw([statement(what, 'other')]);
    expect(window.spoilt).toBeNull();
    window.saw([statement(what)]);
    expect(window.spoilt).toBe(what);
    window.spoil('reconnect');
    expect(window.spoilt).toBe(what);
  });

  test('a row whose change did not show all of it cannot be left out, until one does', () => {
    const window = new ChunkWindow(T, []);
    window.saw([row({ id: 1, unavailable: ['v'] }), row({ id: 2 })]);
    expect(window.leavesOut([row({ id: 2 })])).toBe(false);
    expect(window.leavesOut([row({ id: 1 })])).toBe(true);
    window.saw([row({ id: 1 })]);
    expect(window.leavesOut([row({ id: 1 })])).toBe(false);
  });

  test('before the chunk is read too many rows spoil it', () => {
    const window = new ChunkWindow(T, [], 10);
    window.saw(Array.from({ length: 10 }, (_, id) => row({ id })));
    expect(window.spoilt).toBeNull();
    window.saw([row({ id: 10 })]);
    expect(window.spoilt).toBe('overflow');
  });

  test('behind that a stream that touches every row again and again does not: the chunk gets in, memory is that of its rows', () => {
    const window = new ChunkWindow(T, [], 10);
    window.saw([row({ id: 3 })]);
    let asked = 0;
    window.isRead(() => {
      asked += 1;
      return Array.from({ length: 5 }, (_, id) => ({ id }));
    });
    for (let round = 0; round < 3; round++) {
      window.saw(Array.from({ length: 1_000 }, (_, id) => row({ id: id + 4, before: id + 5_000 })));
    }
    expect(window.spoilt).toBeNull();
    expect(window.size).toBe(2);
    expect(asked).toBe(1);
    expect(keysOf(window.untouched([0, 1, 2, 3, 4].map((id) => row({ id }))))).toEqual([0, 1, 2]);
  });
});
