import { describe, expect, test } from 'vitest';

import { qualifiedName, quoteIdentifier, quoteLiteral } from './quote.ts';
import { parseTableName, type TableName } from './table-name.ts';

describe('quoteIdentifier', () => {
  test('doubles quotes and leaves everything else', () => {
    expect(quoteIdentifier('order')).toBe('"order"');
    expect(quoteIdentifier('a"b; DROP TABLE x; --')).toBe('"a""b; DROP TABLE x; --"');
    expect(qualifiedName({ schema: 'My', name: 'T"x' })).toBe('"My"."T""x"');
  });

  test('refuses what the server would cut or cannot hold', () => {
    for (const name of ['', 'a\0b', 'x'.repeat(64), 'é'.repeat(32), 'half \uD83D'])
      expect(() => quoteIdentifier(name)).toThrow('PostgreSQL name');
    expect(quoteIdentifier('x'.repeat(63))).toHaveLength(65);
    expect(quoteIdentifier('é'.repeat(31))).toHaveLength(33);
  });
});

describe('quoteLiteral', () => {
  test('quotes for either setting of standard_conforming_strings', () => {
    expect(quoteLiteral("it's")).toBe("'it''s'");
    expect(quoteLiteral(String.raw`a\'b`)).toBe(String.raw`E'a\\''b'`);
    expect(() => quoteLiteral('\0')).toThrow('NUL');
  });
});

describe('parseTableName', () => {
  const READ: readonly (readonly [TableName, string, string])[] = [
    ['orders', 'public', 'orders'],
    ['Sales.Orders', 'sales', 'orders'],
    ['"Sales"."Or""der.s"', 'Sales', 'Or"der.s'],
    ['sales."Orders"', 'sales', 'Orders'],
    ['größe_$1', 'public', 'größe_$1'],
    ['"1"', 'public', '1'],
    [{ name: 'As.Is "x"' }, 'public', 'As.Is "x"'],
    [{ schema: 'S', name: 'T' }, 'S', 'T'],
  ];
  for (const [given, schema, name] of READ)
    test(`reads ${JSON.stringify(given)}`, () => {
      expect(parseTableName(given)).toEqual({ schema, name });
    });

  const REFUSED: readonly unknown[] = [
    '',
    '.',
    'a.',
    '.a',
    'a.b.c',
    'a b',
    '1a',
    'a-b',
    '"a',
    '""',
    'a."b"c',
    'a;b',
    'x'.repeat(64),
    '"nul\0"',
    {},
    { schema: 'a' },
    { name: '' },
    null,
    5,
  ];
  for (const given of REFUSED)
    test(`refuses ${JSON.stringify(given)}`, () => {
      expect(() => parseTableName(given as TableName)).toThrow(/name/);
    });
});
