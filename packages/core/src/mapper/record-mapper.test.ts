import { inspect } from 'node:util';

import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';

import { certyoSink } from '../certyo/certyo-sink.ts';
import { rowChange, table } from '../certyo/test-event.ts';
import { MappingError } from '../errors/value-error.ts';
import type { RowChange } from '../event/change-event.ts';
import type { JsonRow } from '../event/json.ts';
import { recordMapper, type RecordMapper } from './record-mapper.ts';

interface Body {
  readonly recordId: string;
  readonly operationType: string;
  readonly recordPayload: object;
}

function bodies(mapper: RecordMapper, event: RowChange): Body[] {
  const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant', mapper });
  return sink.prepare(event).map(({ item }) => JSON.parse(String(item.body)) as Body);
}

function failure(mapper: RecordMapper, event: RowChange): MappingError {
  try {
    bodies(mapper, event);
  } catch (error) {
    if (error instanceof MappingError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const Order = z.object({ id: z.string(), region: z.string(), total: z.string() });
const row = { id: '1', region: 'eu', total: '49.50' };
const columns = table(['id', 'region', 'total']);
const change = (fields: Partial<RowChange> = {}): RowChange =>
  rowChange({ key: { id: '1' }, after: row, table: columns, ...fields });

describe('recordMapper', () => {
  test('replaces any part of a record, with the row typed by its schema', () => {
    const mapper = recordMapper({
      'public.orders': {
        row: Order.extend({ total: z.string().transform(Number) }),
        recordId: (order, event) => {
          expectTypeOf(order).toEqualTypeOf<{ id: string; region: string; total: number }>();
          expectTypeOf(event).toEqualTypeOf<RowChange>();
          return `${order.region}/${order.id}`;
        },
        payload: (order) => ({ z: order.total, a: order.id }),
        version: (_order, event) => `v${event.version}`,
        collection: 'orders',
        database: 'main',
        operationType: 'upsert',
        sourceTimestamp: () => '2026-02-01T00:00:00+01:00',
      },
      'public.lines': {
        recordId: (line) => {
          expectTypeOf(line).toEqualTypeOf<JsonRow>();
          return 'x';
        },
      },
    });
    expect(bodies(mapper, change())).toEqual([
      {
        tenantId: 'tenant',
        database: 'main',
        collection: 'orders',
        recordId: 'eu/1',
        recordVersion: 'v1.0000000001',
        operationType: 'upsert',
        sourceTimestamp: '2026-02-01T00:00:00+01:00',
        idempotencyKey: expect.any(String) as string,
        recordPayload: { a: '1', z: 49.5 },
      },
    ]);
  });

  test('null and skip leave an event out', () => {
    for (const mapping of [
      { skip: () => true },
      { recordId: () => null },
      { payload: () => null },
    ]) {
      expect(bodies(recordMapper({ 'public.orders': mapping }), change())).toEqual([]);
    }
  });

  test('tables without a mapping are mapped by default, skipped or refused', () => {
    const tables = { 'public.lines': {} };
    expect(bodies(recordMapper(tables), change())).toHaveLength(1);
    expect(bodies(recordMapper(tables, { others: 'skip' }), change())).toEqual([]);
    const refusing = recordMapper(tables, { others: 'refuse' });
    expect(failure(refusing, change()).message).toContain('Table public.orders has no mapping.');
  });

  test('I3: lane and record follow the mapped id when it changes without the key', () => {
    const mapper = recordMapper({
      'public.orders': { row: Order, recordId: (order) => `${order.region}/${order.id}` },
    });
    const update = change({ operation: 'update', before: { ...row, region: 'us' } });
    expect(bodies(mapper, update)).toMatchObject([
      { recordId: 'us/1', operationType: 'delete' },
      { recordId: 'eu/1', operationType: 'upsert' },
    ]);
    const same = change({ operation: 'update', before: { ...row, total: '1' } });
    expect(bodies(mapper, same)).toMatchObject([{ recordId: 'eu/1', operationType: 'update' }]);
  });

  test('a change of key names the old record by the mapper too', () => {
    const mapper = recordMapper({
      'public.orders': { row: Order, recordId: (order) => `order-${order.id}` },
    });
    const event = change({ operation: 'update', previousKey: { id: '0' } });
    expect(bodies(mapper, event)).toMatchObject([
      { recordId: 'order-0', operationType: 'delete', recordPayload: { id: '0' } },
      { recordId: 'order-1', operationType: 'upsert' },
    ]);
  });

  test('the old record of a change of key: what is known of it, as the mapping chooses', () => {
    const mapper = recordMapper({
      'public.orders': {
        row: Order,
        recordId: (order) => `order-${order.id}`,
        payload: (order) => ({ total: order.total }),
      },
    });
    const keyChange = { operation: 'update', previousKey: { id: '0' } } as const;
    const full = change({ ...keyChange, before: { ...row, id: '0', total: '1' } });
    expect(bodies(mapper, full)[0]).toMatchObject({
      recordId: 'order-0',
      recordPayload: { total: '1' },
    });
    // REPLICA IDENTITY DEFAULT: the old row is the old key, and no error of the schema.
    const keyOnly = change({ ...keyChange, before: { id: '0' } });
    expect(bodies(mapper, keyOnly)[0]).toMatchObject({
      recordId: 'order-0',
      recordPayload: { id: '0' },
    });
  });

  test('a delete that shows only the key: the id is mapped, the payload is the key', () => {
    const mapper = recordMapper({
      'public.orders': {
        row: Order,
        recordId: (order) => `order-${order.id}`,
        payload: (order) => ({ total: order.total }),
      },
    });
    const event = change({ operation: 'delete', after: null });
    expect(bodies(mapper, event)).toMatchObject([
      { recordId: 'order-1', operationType: 'delete', recordPayload: { id: '1' } },
    ]);
    const full = change({ operation: 'delete', after: null, before: row });
    expect(bodies(mapper, full)[0]?.recordPayload).toEqual({ total: '49.50' });
  });

  test('reading a column that a delete does not show names it and the SQL', () => {
    const mapper = recordMapper({
      'public.orders': { row: Order, recordId: (order) => `${order.region}/${order.id}` },
    });
    expect(failure(mapper, change({ operation: 'delete', after: null })).message).toBe(
      'The mapping of public.orders reads `region`, which this delete does not show. ' +
        'Run: ALTER TABLE public.orders REPLICA IDENTITY FULL;',
    );
  });

  test('unavailable columns are missing from the row and named in the payload', () => {
    const after = { id: '1', region: 'eu' };
    const event = change({ operation: 'update', after, unavailable: ['total'] });
    const reading = recordMapper({
      'public.orders': { row: Order, payload: (order) => ({ total: order.total }) },
    });
    expect(failure(reading, event).message).toContain('reads `total`, which this update does not');
    const spreading = recordMapper({
      'public.orders': { row: Order, payload: (order) => ({ ...order }) },
    });
    expect(bodies(spreading, event)[0]?.recordPayload).toEqual({
      ...after,
      _unavailable: ['total'],
    });
    expect(bodies(recordMapper({ 'public.orders': {} }), event)[0]?.recordPayload).toEqual({
      ...after,
      _unavailable: ['total'],
    });
  });

  const CANARY = 'canary-4711';
  const secretRow = change({ after: { ...row, region: CANARY, total: CANARY } });
  test.each<readonly [string, RecordMapper, string]>([
    [
      'a row that does not match',
      recordMapper({
        'public.orders': { row: Order.extend({ total: z.string().regex(/^\d/u) }) },
      }),
      'does not match its schema at `$.total` (invalid_format)',
    ],
    [
      'an unknown column under a strict schema',
      recordMapper({ 'public.orders': { row: z.strictObject({ id: z.string() }) } }),
      '(unrecognized_keys)',
    ],
    [
      'a refinement whose message quotes the row',
      recordMapper({
        'public.orders': {
          row: Order.refine(() => false, { message: CANARY, path: ['total'] }),
        },
      }),
      '`$.total` (custom)',
    ],
    [
      'a mapper that throws the row',
      recordMapper({
        'public.orders': {
          row: Order,
          payload: (order) => {
            throw new TypeError(`bad ${order.total}\n    at ${order.total}`, { cause: order });
          },
        },
      }),
      'The mapping of public.orders failed.',
    ],
    [
      'a schema that is asynchronous',
      recordMapper({ 'public.orders': { row: Order.refine(async () => Promise.resolve(true)) } }),
      'The schema of public.orders threw.',
    ],
    [
      'a payload with what JSON does not know',
      recordMapper({
        'public.orders': { payload: (order) => ({ at: { [String(order['total'])]: Number.NaN } }) },
      }),
      'The mapping of public.orders failed.',
    ],
    [
      'an id that is empty',
      recordMapper({ 'public.orders': { recordId: () => '' } }),
      '`recordId` of public.orders returned an empty text.',
    ],
    [
      'a time that is none',
      recordMapper({ 'public.orders': { sourceTimestamp: () => CANARY } }),
      '`sourceTimestamp` of public.orders is no ISO 8601 time',
    ],
    [
      'an operation that is none',
      recordMapper({ 'public.orders': { operationType: () => CANARY as 'insert' } }),
      '`operationType` of public.orders is none of',
    ],
  ])('I11: %s names table, event and path, never values', (_name, mapper, message) => {
    const error = failure(mapper, secretRow);
    expect(error.message).toContain(message);
    expect(error.eventId).toBe('memory:1');
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(CANARY);
  });

  test.each([
    [{ orders: {} }, '`schema.table`'],
    [
      { 'public.orders': { recordID: () => '' } },
      "Did you mean `recordMapper['public.orders'].recordId`?",
    ],
    [{ 'public.orders': { recordId: 'id' } }, 'to be a function'],
    [{ 'public.orders': { row: { id: 'text' } } }, 'a zod 4 schema'],
    [{ 'public.orders': { collection: '' } }, 'a text that is not empty'],
    [{ 'public.orders': null }, 'a mapping'],
    [{ 'public.orders': { columns: { mask: { a: 1 } } } }, 'to be a text, got `1` (number)'],
  ])('refuses %j', (tables, message) => {
    expect(() => recordMapper(tables as unknown as { 'a.b': object })).toThrow(message);
  });
});
