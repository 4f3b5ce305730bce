import { GapError, type JsonValue } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import type { TypeDescriptor } from './type-descriptor.ts';
import { createTypeRegistry, restoreTypeRegistry } from './type-registry.ts';
import { toJson } from './value-codec.ts';

function type(oid: number, name: string, rest: Partial<TypeDescriptor> = {}): TypeDescriptor {
  return {
    oid,
    schema: 'app',
    name,
    formatted: `app.${name}`,
    kind: 'base',
    elementOid: null,
    delimiter: ',',
    baseOid: null,
    extension: null,
    ...rest,
  };
}

const MOOD = type(16_401, 'mood', { kind: 'enum' });
const MOODS = type(16_400, '_mood', { kind: 'array', elementOid: 16_401 });
const AMOUNT = type(16_402, 'amount', { kind: 'domain', baseOid: 1700 });
const AMOUNTS = type(16_403, 'amounts', { kind: 'domain', baseOid: 16_404 });
const AMOUNT_ARRAY = type(16_404, '_amount', { kind: 'array', elementOid: 16_402 });
const HSTORE = type(16_405, 'hstore', { extension: 'hstore' });
const ALL = [MOOD, MOODS, AMOUNT, AMOUNTS, AMOUNT_ARRAY, HSTORE];

describe('createTypeRegistry', () => {
  test('knows the built-in types and their arrays', () => {
    const registry = createTypeRegistry();
    expect(registry.missing([16, 1700, 1231, 3802, 3807, 1020])).toEqual([]);
    expect(toJson(registry.codec(1231), '{1.50,NULL}')).toBe('["1.50",null]');
    expect(toJson(registry.codec(1020), '{(1,1),(0,0);(2,2),(1,1)}')).toBe(
      '["(1,1),(0,0)","(2,2),(1,1)"]',
    );
  });

  test('T-10: int2vector and oidvector are not arrays', () => {
    const registry = createTypeRegistry();
    expect(toJson(registry.codec(22), '1 2')).toBe('"1 2"');
    expect(toJson(registry.codec(30), '1 2')).toBe('"1 2"');
    expect(toJson(registry.codec(1006), '{"1 2",3}')).toBe('["1 2","3"]');
  });

  test('T-11: enums are strings, domains are their base type, in arrays too', () => {
    const registry = createTypeRegistry(ALL);
    expect(toJson(registry.codec(MOOD.oid), 'so "so"')).toBe('"so \\"so\\""');
    expect(toJson(registry.codec(MOODS.oid), '{sad,NULL}')).toBe('["sad",null]');
    expect(toJson(registry.codec(AMOUNT.oid), '1.50')).toBe('"1.50"');
    expect(toJson(registry.codec(AMOUNTS.oid), '{1.50}')).toBe('["1.50"]');
  });

  test('hstore is known by its extension, not by its name', () => {
    expect(toJson(createTypeRegistry([HSTORE]).codec(HSTORE.oid), '"a"=>NULL')).toBe('{"a":null}');
    const homemade = { ...HSTORE, extension: null };
    expect(toJson(createTypeRegistry([homemade]).codec(HSTORE.oid), 'a')).toBe('"a"');
  });

  test('I9: an unknown type is a gap that names type, table and column', () => {
    const use = { schema: 's', table: 't', column: 'c' };
    expect(() => createTypeRegistry().codec(99_999, use)).toThrow(
      expect.objectContaining({
        code: 'GAP_TYPE_UNKNOWN',
        message: expect.stringMatching(/"c" of "s"."t".*99999/),
      }),
    );
    expect(() => createTypeRegistry([MOODS]).codec(MOODS.oid)).toThrow(GapError);
    expect(() => createTypeRegistry([MOODS]).codec(MOODS.oid)).toThrow('16401');
  });

  test('missing names each type to read once, also what a known one is made from', () => {
    const registry = createTypeRegistry([MOODS, AMOUNTS]);
    expect(registry.missing([23, 16_400, 16_400, 16_403, 16_405])).toEqual([
      16_401, 16_404, 16_405,
    ]);
  });

  test('a newer descriptor of an oid replaces the older one, in arrays too', () => {
    const registry = createTypeRegistry(ALL);
    expect(toJson(registry.codec(AMOUNT_ARRAY.oid), '{1}')).toBe('["1"]');
    registry.add([{ ...AMOUNT, baseOid: 23 }]);
    expect(toJson(registry.codec(AMOUNT_ARRAY.oid), '{1}')).toBe('[1]');
  });

  test('a descriptor cannot replace a built-in type', () => {
    const registry = createTypeRegistry([type(23, 'int4', { kind: 'enum' })]);
    expect(toJson(registry.codec(23), '1')).toBe('1');
  });

  test('a cycle, which only a damaged checkpoint can have, is a gap', () => {
    const registry = createTypeRegistry([
      type(1_000_000, 'a', { kind: 'domain', baseOid: 1_000_001 }),
      type(1_000_001, 'b', { kind: 'domain', baseOid: 1_000_000 }),
    ]);
    expect(() => registry.codec(1_000_000)).toThrow(GapError);
  });
});

describe('restoreTypeRegistry', () => {
  test('gives back what toJSON gave, through JSON text', () => {
    const registry = createTypeRegistry(ALL);
    const restored = restoreTypeRegistry(JSON.parse(JSON.stringify(registry)) as JsonValue);
    expect(restored.toJSON()).toEqual(registry.toJSON());
    expect(toJson(restored.codec(AMOUNTS.oid), '{1.50}')).toBe('["1.50"]');
    expect(toJson(restored.codec(HSTORE.oid), '"a"=>NULL')).toBe('{"a":null}');
  });

  const broken: readonly JsonValue[] = [
    null,
    {},
    'x',
    [null],
    [[]],
    [{}],
    [{ ...MOOD, kind: 'odd' }],
    [{ ...MOOD, elementOid: 'x' }],
    [{ ...MOOD, oid: '16401' }],
  ];
  for (const json of broken) {
    test(`refuses ${JSON.stringify(json)}`, () => {
      expect(() => restoreTypeRegistry(json)).toThrow('Expected `types`');
    });
  }
});
