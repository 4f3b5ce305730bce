import { describe, expect, test } from 'vitest';

import type { ChangeEvent, RowChange } from '../event/change-event.ts';
import { JsonNumber, type JsonRow } from '../event/json.ts';
import { certyoSink } from './certyo-sink.ts';
import type { CertyoSinkOptions } from './sink-options.ts';
import { rowChange, table } from './test-event.ts';

interface Body {
  readonly recordId: string;
  readonly operationType: string;
  readonly recordPayload: object;
}

function bodies(event: ChangeEvent, options: CertyoSinkOptions = {}): Body[] {
  const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant', ...options });
  return sink.prepare(event).map(({ item }) => JSON.parse(String(item.body)) as Body);
}

const base = {
  id: 'memory:9',
  version: '1.9',
  transaction: null,
  source: { kind: 'memory', name: 'main', systemIdentifier: null },
  toJSON: () => null,
} as const;

describe('certyoSink: mapping', () => {
  test('maps a row by the defaults of docs/certyo-mapping.md', () => {
    const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant', clientId: 'client' });
    const event = rowChange({ key: { id: '1001' }, after: { id: '1001', total: '49.50' } });
    const [prepared] = sink.prepare(event);
    expect(JSON.parse(prepared?.item.body.toString() ?? '')).toEqual({
      tenantId: 'tenant',
      clientId: 'client',
      database: 'shop',
      collection: 'public.orders',
      recordId: '1001',
      recordVersion: '1.0000000001',
      operationType: 'insert',
      sourceTimestamp: '2026-01-31T12:00:00.123456Z',
      idempotencyKey: expect.stringMatching(/^public\.orders-1001-[0-9a-f]{32}$/u) as string,
      recordPayload: { id: '1001', total: '49.50' },
    });
    expect(prepared?.lane).toBe('["shop","public.orders","1001"]');
    expect(prepared?.bytes).toBeGreaterThanOrEqual(prepared?.item.body.length ?? 0);
    // I4: redelivered, it is the same to the byte.
    expect(sink.prepare(event)).toEqual([prepared]);
  });

  test.each([
    ['insert', 'insert'],
    ['update', 'update'],
    ['delete', 'delete'],
    ['snapshot', 'upsert'],
  ] as const)('%s becomes %s', (operation, operationType) => {
    const before = operation === 'delete' ? { id: 1, note: 'old' } : null;
    expect(bodies(rowChange({ operation, before }))).toMatchObject([{ operationType }]);
  });

  test('a delete shows the old row, or the key where no more is known', () => {
    const before = { id: 1, note: 'old' };
    expect(bodies(rowChange({ operation: 'delete', before }))[0]?.recordPayload).toEqual(before);
    expect(bodies(rowChange({ operation: 'delete' }))[0]?.recordPayload).toEqual({ id: 1 });
  });

  test('leaves a time out that the source does not know, and takes another database name', () => {
    const [body] = bodies(rowChange({ transaction: null }), { database: 'other' });
    expect(body).not.toHaveProperty('sourceTimestamp');
    expect(body).toMatchObject({ database: 'other' });
  });

  test.each<readonly [JsonRow, string]>([
    [{ id: 7 }, '7'],
    [{ id: '9007199254740993' }, '9007199254740993'],
    [{ id: true }, 'true'],
    [{ id: new JsonNumber('1.500') }, '1.500'],
    [{ id: ['a', 1] }, '["a",1]'],
    [{ a: '1', b: '2' }, '["1","2"]'],
    [{ a: '1","2', b: '' }, '["1\\",\\"2",""]'],
    [{ b: 'x', '1': 'y' }, '["y","x"]'],
  ])('the recordId of %j is %s', (key, recordId) => {
    expect(bodies(rowChange({ key }))[0]?.recordId).toBe(recordId);
  });

  test('a composite key follows the order of the key, not of the columns', () => {
    const event = rowChange({ key: { b: 'x', a: 'y' }, table: table(['a', 'b'], ['a', 'b']) });
    expect(bodies(event)[0]?.recordId).toBe('["x","y"]');
  });

  test.each<readonly [JsonRow, string]>([
    [{}, 'has no key'],
    [{ id: null }, 'The key column `id` of public.orders is null'],
    [{ id: '' }, 'is empty'],
  ])('refuses the key %j', (key, message) => {
    expect(() => bodies(rowChange({ key }))).toThrow(message);
  });

  test('I3: a change of key is a delete of the old record, then an upsert of the new one', () => {
    const event = rowChange({
      operation: 'update',
      key: { id: 2 },
      previousKey: { id: 1 },
      before: { id: 1, note: 'old' },
    });
    expect(bodies(event)).toMatchObject([
      { recordId: '1', operationType: 'delete', recordPayload: { id: 1, note: 'old' } },
      { recordId: '2', operationType: 'upsert', recordPayload: { id: 2, note: 'x' } },
    ]);
    // Where the replica identity shows the key only.
    const keyOnly = rowChange({ operation: 'update', key: { id: 2 }, previousKey: { id: 1 } });
    expect(bodies(keyOnly)[0]?.recordPayload).toEqual({ id: 1 });
    const masked = bodies(event, { columns: { 'public.orders': { mask: { note: '-' } } } });
    expect(masked[0]?.recordPayload).toEqual({ id: 1, note: '-' });
  });

  test('a change of key that maps to the same record is one update', () => {
    const event = rowChange({ operation: 'update', key: { id: '1' }, previousKey: { id: 1 } });
    expect(bodies(event)).toMatchObject([{ recordId: '1', operationType: 'update' }]);
  });

  test('I10: status columns are in no payload', () => {
    const after = {
      id: 1,
      certyo_anchor_status: 'pending',
      certyo_record_hash: null,
      certyo_verified_at: null,
    };
    expect(bodies(rowChange({ after }))[0]?.recordPayload).toEqual({ id: 1 });
    const options = { statusColumns: ['id'] };
    expect(bodies(rowChange({ after: { id: 1, a: 2 } }), options)[0]?.recordPayload).toEqual({
      a: 2,
    });
  });

  test('I10: an update of nothing but status columns is no change', () => {
    const old = { id: 1, note: 'x', certyo_anchor_status: 'pending' };
    const update = (fields: Partial<RowChange>): RowChange =>
      rowChange({ operation: 'update', before: old, ...fields });
    const anchored = { ...old, certyo_anchor_status: 'anchored' };
    expect(bodies(update({ after: anchored }))).toEqual([]);
    expect(bodies(update({ after: { ...anchored, note: 'y' } }))).toHaveLength(1);
    expect(bodies(update({ after: anchored, before: null }))).toHaveLength(1);
    expect(bodies(update({ after: anchored, unavailable: ['note'] }))).toHaveLength(1);
    // Without such columns an update that changes nothing is a change like any other.
    expect(bodies(update({ before: { id: 1 }, after: { id: 1 } }))).toHaveLength(1);
  });

  test('an accepted gap is a version of the record of its source', () => {
    const event: ChangeEvent = {
      ...base,
      operation: 'gap',
      database: 'shop',
      code: 'GAP_SLOT_AHEAD',
      from: '0/1',
      to: '0/2',
      resolvedBy: 'accept',
      tables: ['public.orders'],
    };
    expect(bodies(event)).toMatchObject([
      {
        database: 'shop',
        collection: '$gaps',
        recordId: base.source.name,
        operationType: 'upsert',
        recordPayload: {
          _event: 'gap',
          code: 'GAP_SLOT_AHEAD',
          from: '0/1',
          to: '0/2',
          resolvedBy: 'accept',
          tables: ['public.orders'],
        },
      },
    ]);
  });

  test('truncate and schema changes are records of their own', () => {
    const event: ChangeEvent = {
      ...base,
      operation: 'truncate',
      table: table(['id']),
      cascade: true,
      restartIdentity: false,
    };
    expect(bodies(event)).toMatchObject([
      {
        database: 'shop',
        collection: 'public.orders',
        recordId: '$truncate',
        recordVersion: '1.9',
        operationType: 'upsert',
        recordPayload: { _event: 'truncate', cascade: true, restartIdentity: false },
      },
    ]);
    const schema: ChangeEvent = {
      ...base,
      operation: 'schema',
      table: table(['id', 'note']),
      previousColumns: table(['id']).columns,
    };
    expect(bodies(schema)).toMatchObject([
      {
        recordId: '$schema',
        recordPayload: {
          _event: 'schema',
          columns: [{ name: 'id', type: 'text', isKey: true }, { name: 'note' }],
          previousColumns: [{ name: 'id' }],
        },
      },
    ]);
  });

  test('logical messages are records, unless they are skipped', () => {
    const message = (content: Uint8Array): ChangeEvent => ({
      ...base,
      operation: 'message',
      prefix: 'audit',
      content,
      transactional: true,
    });
    expect(bodies(message(Buffer.from('hé')))).toMatchObject([
      {
        database: 'main',
        collection: '$messages',
        recordId: 'audit',
        recordPayload: { _event: 'message', prefix: 'audit', text: 'hé' },
      },
    ]);
    expect(bodies(message(Buffer.from([0xff])))[0]?.recordPayload).toMatchObject({
      base64: '/w==',
    });
    expect(bodies(message(Buffer.from('x')), { messages: 'skip' })).toEqual([]);
  });
});
