import type { TableInfo } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { createTypeRegistry } from '../values/type-registry.ts';
import { createRowDescriptor } from './row-descriptor.ts';

function table(name: string, columns: Readonly<Record<string, number>>): TableInfo {
  return {
    database: 'shop',
    schema: 'public',
    name,
    oid: 1,
    columns: Object.entries(columns).map(([column, typeOid], index) => ({
      name: column,
      typeOid,
      typeName: 'any',
      isKey: index === 0,
      nullable: null,
    })),
  };
}

describe(createRowDescriptor, () => {
  test('tables of the same columns share what is prepared of them; others share nothing', () => {
    const registry = createTypeRegistry();
    const columns = { id: 23, b: 25, a: 25 };
    const one = createRowDescriptor({ table: table('one', columns), registry });
    const two = createRowDescriptor({ table: table('two', columns), registry });
    expect(two.sorted).toBe(one.sorted);
    expect(two.table.name).toBe('two');
    const others = [
      createRowDescriptor({ table: table('type', { ...columns, a: 23 }), registry }),
      createRowDescriptor({ table: table('order', { id: 23, a: 25, b: 25 }), registry }),
      createRowDescriptor({ table: table('more', { ...columns, c: 25 }), registry }),
      createRowDescriptor({ table: table('key', columns), registry, keyColumns: ['b'] }),
      createRowDescriptor({ table: table('omit', columns), registry, omit: ['a'] }),
    ];
    for (const { columns: own, key, sorted, table: its } of others) {
      expect(sorted).not.toBe(one.sorted);
      const kept = its.columns.filter(({ name }) => its.name !== 'omit' || name !== 'a');
      expect(own.map(({ name }) => name)).toEqual(kept.map(({ name }) => name));
      expect(own.map(({ codec }) => codec)).toEqual(
        kept.map(({ typeOid }) => registry.codec(typeOid)),
      );
      expect(key.map(({ name }) => name)).toEqual([its.name === 'key' ? 'b' : 'id']);
    }
    const first = createRowDescriptor({ table: table('one', columns), registry });
    expect(first.sorted.map(({ index, name }) => [name, index])).toEqual([
      ['a', 2],
      ['b', 1],
      ['id', 0],
    ]);
  });
});
