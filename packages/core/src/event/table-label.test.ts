import { describe, expect, test } from 'vitest';
import { byTable, tableLabel } from './table-label.ts';

describe('tableLabel', () => {
  test.each([
    ['public', 'orders', 'public.orders'],
    ['_s$1', 'größe', '_s$1."größe"'],
    ['public', 'Orders', 'public."Orders"'],
    ['a.b', 'c', '"a.b".c'],
    ['a', 'b.c', 'a."b.c"'],
    ['a"."b', 'c', '"a"".""b".c'],
    ['a', '1', 'a."1"'],
  ])('%s and %s are %s', (schema, name, label) => {
    expect(tableLabel({ schema, name })).toBe(label);
  });

  test('no two tables have the same', () => {
    const names = ['a', 'b', 'a.b', '"a"', 'a"', '"', '".', '."', '"."', 'a"."b', 'A'];
    const labels = names.flatMap((schema) => names.map((name) => tableLabel({ schema, name })));
    expect(new Set(labels).size).toBe(names.length ** 2);
  });
});

describe('byTable', () => {
  test('finds what is set by the label, and by the plain names too', () => {
    const settings = new Map([
      ['public.Orders', 'plain'],
      ['public."Orders"', 'quoted'],
      ['public.Items', 'items'],
    ]);
    expect(byTable(settings, { schema: 'public', name: 'Orders' })).toBe('quoted');
    expect(byTable(settings, { schema: 'public', name: 'Items' })).toBe('items');
    expect(byTable(settings, { schema: 'public', name: 'items' })).toBeUndefined();
  });
});
