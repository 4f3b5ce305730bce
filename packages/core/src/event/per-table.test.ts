import { describe, expect, test } from 'vitest';

import { TableLoads } from '../pipeline/table-loads.ts';
import type { TableInfo } from './change-event.ts';
import { PerTable } from './per-table.ts';

function table(name: string, schema: string = 'public'): TableInfo {
  return { database: 'shop', schema, name, oid: 0, columns: [] };
}

describe('PerTable', () => {
  test('makes one value for each description of a table, however they take turns', () => {
    const made: TableInfo[] = [];
    const perTable = new PerTable((one) => {
      made.push(one);
      return { of: one };
    });
    const tables = [table('a'), table('b'), table('a')];
    for (let round = 0; round < 3; round += 1) {
      for (const one of [...tables, ...tables.toReversed()]) expect(perTable.of(one).of).toBe(one);
    }
    expect(made).toEqual(tables);
  });
});

describe('TableLoads', () => {
  test('counts all versions of one table together, and no two tables', () => {
    const loads = new TableLoads();
    const orders = loads.of(table('orders'));
    const others = [table('lines'), table('orders', 'archive')].map((one) => loads.of(one));
    expect(loads.of(table('orders'))).toBe(orders);
    expect(new Set([orders, ...others]).size).toBe(3);
  });
});
