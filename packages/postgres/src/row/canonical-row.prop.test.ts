import { minifyJson, type TableInfo } from '@certyo-cdc/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { createTypeRegistry } from '../values/type-registry.ts';
import { createRowChange } from './row-change.ts';
import { createRowDescriptor } from './row-descriptor.ts';
import { NOT_SENT, tupleFromTexts, UNAVAILABLE } from './tuple.ts';

const registry = createTypeRegistry();

const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toJSON',
    '_',
    '_unavailablf',
    '_u',
    'Z',
    'a',
    '10',
    '9',
  ),
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', '"', '\\', 'null'),
);
const mark = fc.constantFrom(null, UNAVAILABLE);
const columns = fc.uniqueArray(
  fc.record({
    name,
    after: fc.oneof({ weight: 3, arbitrary: text }, mark),
    before: fc.oneof(text, fc.constantFrom(null, NOT_SENT)),
    isIncluded: fc.boolean(),
  }),
  { selector: (column) => column.name, minLength: 1, maxLength: 8 },
);

describe('canonicalRow', () => {
  test('writes each visible column once, in the order of the UTF-8 bytes, and names the others', () => {
    fc.assert(
      fc.property(columns, fc.boolean(), (list, hasOld) => {
        const table: TableInfo = {
          database: 'd',
          schema: 's',
          name: 't',
          oid: 1,
          columns: list.map((column) => ({
            name: column.name,
            typeOid: 25,
            typeName: 'text',
            isKey: false,
            nullable: true,
          })),
        };
        const event = createRowChange({
          descriptor: createRowDescriptor({ table, registry }),
          operation: 'update',
          id: 'id',
          version: 'version',
          transaction: null,
          source: { kind: 'test', name: 'test', systemIdentifier: null },
          before: hasOld ? tupleFromTexts(list.map(({ before }) => before)) : null,
          after: tupleFromTexts(list.map(({ after }) => after)),
        });
        const expected = new Map<string, string | null | readonly string[]>();
        const unavailable: string[] = [];
        for (const column of list) {
          if (!column.isIncluded) continue;
          const value = column.after === UNAVAILABLE && hasOld ? column.before : column.after;
          if (typeof value === 'symbol') unavailable.push(column.name);
          else expected.set(column.name, value);
        }
        if (unavailable.length > 0) expected.set('_unavailable', unavailable.toSorted(byBytes));
        const included = new Set(
          list.filter(({ isIncluded }) => isIncluded).map((column) => column.name),
        );
        const json = event.canonicalRow((column) => included.has(column));
        const members = [...expected].toSorted(([left], [right]) => byBytes(left, right));
        expect(json).toBe(
          `{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`,
        );
        expect(minifyJson(json)).toBe(json);
      }),
      { numRuns: 500 },
    );
  });
});

function byBytes(left: string, right: string): number {
  return Buffer.from(left).compare(Buffer.from(right));
}
