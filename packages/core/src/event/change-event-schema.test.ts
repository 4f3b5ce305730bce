import { describe, expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';

import { rowChange, table } from '../certyo/test-event.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { parseJson } from '../json/parse-json.ts';
import type { ChangeEventJson } from './change-event-json.ts';
import { changeEventSchema } from './change-event-schema.ts';
import type { ChangeEvent, RowChange } from './change-event.ts';
import { JsonNumber, type JsonValue } from './json.ts';

const { canonicalRow: _write, toJSON: _json, ...insert } = rowChange();

const base = {
  id: 'memory:1',
  version: '1.1',
  lsn: '16/B374D848',
  transaction: { xid: '7', committedAt: null, beginLsn: '0/1', commitLsn: 'FFFFFFFF/2' },
  source: { kind: 'memory', name: 'm', systemIdentifier: null },
} as const;

/** One of each operation. */
const EVENTS = {
  insert,
  update: { ...insert, operation: 'update', previousKey: { id: 0 }, lsn: '0/0' },
  delete: { ...insert, operation: 'delete', after: null, before: { id: 1 }, transaction: null },
  snapshot: { ...insert, operation: 'snapshot', unavailable: ['big'] },
  truncate: {
    ...base,
    operation: 'truncate',
    table: table([]),
    cascade: null,
    restartIdentity: true,
  },
  schema: { ...base, operation: 'schema', table: table(['id']), previousColumns: null },
  message: { ...base, operation: 'message', prefix: '', content: '\\x00ff', transactional: false },
  gap: {
    ...base,
    operation: 'gap',
    database: 'db',
    code: 'GAP_SLOT_AHEAD',
    from: '0/1',
    to: '0/2',
    resolvedBy: 'accept',
    tables: ['public.t'],
  },
} as const satisfies Record<ChangeEvent['operation'], ChangeEventJson>;

function plain(event: ChangeEventJson): Record<string, JsonValue> {
  return JSON.parse(JSON.stringify(event)) as Record<string, JsonValue>;
}

describe('changeEventSchema', () => {
  test.each(Object.values(EVENTS))('reads $operation as it is', (event) => {
    expect(changeEventSchema.parse(plain(event))).toEqual(plain(event));
  });

  test('its type is that of the JSON form', () => {
    expectTypeOf<z.infer<typeof changeEventSchema>>().toEqualTypeOf<ChangeEventJson>();
    const event = changeEventSchema.parse(EVENTS.insert);
    if (event.operation === 'insert') expectTypeOf(event.after).toEqualTypeOf<RowChange['after']>();
  });

  test('numbers that JavaScript cannot hold, names and order are kept', () => {
    const text =
      '{"__proto__":{"x":1},"b":123456789012345678901234567890.10,"a":[1e400,null,true,"\\ud83d\\ude00"]}';
    const event = { ...EVENTS.insert, after: parseJson(text) as object };
    const read = changeEventSchema.parse(event);
    expect(canonicalJson((read as RowChange).after)).toBe(canonicalJson(parseJson(text)));
    expect(Object.keys((read as RowChange).after ?? {})).toEqual(['__proto__', 'b', 'a']);
    expect((read as RowChange).after?.['b']).toBeInstanceOf(JsonNumber);
  });

  test('leaves out what a newer version added, and keeps what an older one did not have', () => {
    const { lsn: _, ...older } = EVENTS.schema;
    expect(changeEventSchema.parse({ ...older, later: 1 })).toEqual(older);
    expect(changeEventSchema.parse({ ...older, statement: 'ALTER TABLE t ADD v int' })).toEqual({
      ...older,
      statement: 'ALTER TABLE t ADD v int',
    });
  });

  test.each<readonly [string, object]>([
    ['no object', []],
    ['an unknown operation', { ...EVENTS.insert, operation: 'upsert' }],
    ['an empty id', { ...EVENTS.insert, id: '' }],
    ['a row that is a list', { ...EVENTS.insert, after: [] }],
    ['a row that is missing', { ...EVENTS.insert, after: undefined }],
    ['a value that is none of JSON', { ...EVENTS.insert, after: { id: 1n } }],
    ['a number that is none of JSON', { ...EVENTS.insert, after: { id: [Number.NaN] } }],
    ['a position that is none', { ...EVENTS.insert, lsn: '16:B3' }],
    ['content that is no hex', { ...EVENTS.message, content: 'abc' }],
    ['half a byte of content', { ...EVENTS.message, content: '\\x0' }],
    ['a column without a type', { ...EVENTS.truncate, table: { ...table([]), columns: [{}] } }],
  ])('refuses %s', (_name, event) => {
    expect(changeEventSchema.safeParse(event).success).toBe(false);
  });
});
