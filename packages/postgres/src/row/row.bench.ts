import { bench, describe } from 'vitest';

import { createTypeRegistry } from '../values/type-registry.ts';
import { createRowChange } from './row-change.ts';
import { createRowDescriptor } from './row-descriptor.ts';
import { tupleFromTexts } from './tuple.ts';
import { toJson } from '../values/value-codec.ts';

/** A row of nine columns as tables have them: name, type oid, text. */
const COLUMNS: readonly (readonly [string, number, string])[] = [
  ['id', 20, '9007199254740993'],
  ['name', 25, 'Alice Example of Wonderland'],
  ['city', 1043, 'Zürich'],
  ['price', 1700, '12345.6700'],
  ['updated_at', 1184, '2026-01-31 12:34:56.123456+00'],
  ['active', 16, 't'],
  ['count', 23, '42'],
  ['document', 3802, '{"a": 1, "b": [1, 2, 3], "c": "text"}'],
  ['reference', 2950, '0b6f4cf7-8f2f-4a5e-9f37-0d1f2a3b4c5d'],
];

const registry = createTypeRegistry();
const descriptor = createRowDescriptor({
  table: {
    database: 'shop',
    schema: 'public',
    name: 'item',
    oid: 1,
    columns: COLUMNS.map(([name, typeOid], index) => ({
      name,
      typeOid,
      typeName: '',
      isKey: index === 0,
      nullable: true,
    })),
  },
  registry,
});
const after = tupleFromTexts(COLUMNS.map(([, , text]) => text));
const source = { kind: 'bench', name: 'bench', systemIdentifier: null };

function insert(): ReturnType<typeof createRowChange> {
  return createRowChange({
    descriptor,
    operation: 'insert',
    id: 'id',
    version: 'version',
    transaction: null,
    source,
    before: null,
    after,
  });
}

describe('a row of nine columns', () => {
  bench('becomes an event', () => {
    insert();
  });
  bench('becomes an event with its key', () => {
    void insert().key;
  });
  bench('becomes a payload', () => {
    insert().canonicalRow();
  });
  bench('becomes values for a mapper', () => {
    void insert().after;
  });
});

describe('a value becomes JSON', () => {
  for (const [name, typeOid, text] of COLUMNS) {
    const codec = registry.codec(typeOid);
    bench(`${name}`, () => {
      toJson(codec, text);
    });
  }
});
