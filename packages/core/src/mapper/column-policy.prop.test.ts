import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { rowChange } from '../certyo/test-event.ts';
import type { JsonValue } from '../event/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { parseJson } from '../json/parse-json.ts';
import { normalizeColumnPolicies } from './column-policy.ts';
import { joinMembers, splitMembers } from './internal/json-members.ts';
import { restrictWith } from './restricted-row-change.ts';

const name = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '_unavailable_', '\u{1f600}', '\ufb33'),
);
const row = fc
  .array(fc.tuple(name, fc.jsonValue()), { maxLength: 6 })
  .map((members) => toRow(members as [string, JsonValue][]));

function toRow(members: readonly (readonly [string, JsonValue])[]): Record<string, JsonValue> {
  const result = Object.create(null) as Record<string, JsonValue>;
  for (const [key, value] of members) result[key] = value;
  return result;
}

function byUtf8(values: Readonly<Record<string, JsonValue>>): string {
  const members = Object.keys(values).map(
    (key) => [key, canonicalJson(values[key] ?? null)] as const,
  );
  return joinMembers(new Map(members));
}

describe('column policies', () => {
  test('members are split and joined without loss, sorted by UTF-8 bytes', () => {
    fc.assert(
      fc.property(row, (values) => {
        const text = byUtf8(values);
        const members = splitMembers(text);
        expect([...members.keys()].sort()).toEqual(Object.keys(values).sort());
        expect(joinMembers(members)).toBe(text);
        const keys = [...members.keys()].map((key) => Buffer.from(key));
        expect(keys).toEqual(keys.toSorted(Buffer.compare));
        expect(canonicalJson(parseJson(text))).toBe(canonicalJson(values));
      }),
      { numRuns: 1000 },
    );
  });

  test('T-18: payload and rows agree under any policy, and an excluded column is nowhere', () => {
    fc.assert(
      fc.property(row, fc.array(name), fc.array(name), (values, excluded, masked) => {
        const policies = normalizeColumnPolicies({
          '*': {
            exclude: excluded,
            mask: Object.fromEntries(masked.map((column) => [column, '-'])),
          },
        });
        const inner = rowChange({
          key: {},
          after: values,
          before: values,
          canonicalRow: (includes = () => true) =>
            byUtf8(toRow(Object.entries(values).filter(([column]) => includes(column)))),
        });
        const event = restrictWith(policies, null)(inner);
        const payload = parseJson(event.canonicalRow());
        expect(canonicalJson(payload)).toBe(canonicalJson(event.after));
        expect(event.before).toEqual(event.after);
        for (const column of excluded) expect(Object.hasOwn(event.after ?? {}, column)).toBe(false);
        for (const [column, value] of Object.entries(event.after ?? {})) {
          if (masked.includes(column)) expect(value).toBe('-');
        }
      }),
      { numRuns: 1000 },
    );
  });
});
