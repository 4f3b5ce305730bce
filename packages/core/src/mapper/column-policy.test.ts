import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import { certyoSink } from '../certyo/certyo-sink.ts';
import { rowChange, table } from '../certyo/test-event.ts';
import type { RowChange } from '../event/change-event.ts';
import { secret } from '../internal/secret.ts';
import type { ColumnPolicies, ColumnPolicy } from './column-policy.ts';
import { recordMapper } from './record-mapper.ts';

const KEY = 'a secret of enough bytes';
const CANARY = 'canary-4711';
const row = { id: '1', email: CANARY, name: 'Ada Lovelace', total: '1.50' };
const columns = table(['id', 'email', 'name', 'total']);

function payloads(columnPolicies: ColumnPolicies, event: RowChange): object[] {
  const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant', columns: columnPolicies });
  return sink
    .prepare(event)
    .map(({ item }) => (JSON.parse(String(item.body)) as { recordPayload: object }).recordPayload);
}

function change(fields: Partial<RowChange> = {}): RowChange {
  return rowChange({ key: { id: '1' }, after: row, table: columns, ...fields });
}

function hmac(text: string): string {
  return `hmac-sha256:${createHmac('sha256', KEY).update(text).digest('hex')}`;
}

describe('column policies', () => {
  test.each<readonly [string, ColumnPolicy, object]>([
    ['only', { only: ['id', 'total'] }, { id: '1', total: '1.50' }],
    ['exclude', { exclude: ['email', 'name'] }, { id: '1', total: '1.50' }],
    ['mask', { mask: { email: '***' } }, { ...row, email: '***' }],
    ['truncate', { truncate: { name: 3, email: 0 } }, { ...row, name: 'Ada', email: '' }],
    ['hmac', { hmac: { columns: ['email'], key: KEY } }, { ...row, email: hmac(CANARY) }],
    [
      'hmac with a Secret',
      { hmac: { columns: ['email'], key: secret(KEY) } },
      { ...row, email: hmac(CANARY) },
    ],
    [
      'only and mask',
      { only: ['id', 'email'], mask: { email: '-', name: '-' } },
      { id: '1', email: '-' },
    ],
  ])('%s', (_name, policy, expected) => {
    expect(payloads({ 'public.orders': policy }, change())).toEqual([expected]);
    const deleted = change({ operation: 'delete', after: null, before: row });
    expect(payloads({ 'public.orders': policy }, deleted)).toEqual([expected]);
    // The mapper sees the same row, in `after`, `before` and the event.
    const mapper = recordMapper({
      'public.orders': {
        columns: policy,
        payload: (seen, event) => {
          expect(JSON.stringify([seen, event, event.toJSON(), event.before])).not.toContain(
            _name === 'hmac' ? 'canary' : 'no such text',
          );
          return { ...seen };
        },
      },
    });
    const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant', mapper });
    const [prepared] = sink.prepare(change({ before: row, operation: 'update' }));
    expect(JSON.parse(prepared?.item.body.toString() ?? '')).toMatchObject({
      recordPayload: expected,
    });
  });

  test('what the server printed stays to the letter beside replaced columns', () => {
    const members = {
      a: '1.500',
      e: '"x"',
      n: '{"a":[1,{"b":12345678901234567890.10}]}',
      é: '"\\u00e9"',
    };
    const event = change({
      after: { a: 1.5, e: 'x', n: {}, é: 'é' },
      table: table(['a', 'e', 'n', 'é'], []),
      canonicalRow: (includes = () => true) =>
        `{${Object.entries(members)
          .filter(([name]) => includes(name))
          .map(([name, text]) => `"${name}":${text}`)
          .join(',')}}`,
    });
    const sink = certyoSink({
      apiKey: 'key',
      tenantId: 'tenant',
      columns: { 'public.orders': { mask: { e: '-' } } },
    });
    expect(sink.prepare(event)[0]?.item.body.toString()).toContain(
      '"recordPayload":{"a":1.500,"e":"-","n":{"a":[1,{"b":12345678901234567890.10}]},"é":"\\u00e9"},',
    );
  });

  test('a column that is added later is left out by an allow-list', () => {
    const wider = change({
      after: { ...row, ssn: CANARY },
      table: table(['id', 'email', 'name', 'total', 'ssn']),
    });
    expect(payloads({ 'public.orders': { only: ['id'] } }, wider)).toEqual([{ id: '1' }]);
  });

  test('a policy for every table applies besides that of the table', () => {
    const policies = {
      '*': { exclude: ['email', 'ssn'] },
      'public.orders': { mask: { name: '-' } },
    };
    expect(payloads(policies, change())).toEqual([{ id: '1', name: '-', total: '1.50' }]);
  });

  test('an event that a policy has cut can be spread, and its rows are the same object each time', () => {
    const policy: ColumnPolicy = { exclude: ['email'] };
    let spread: Partial<RowChange> = {};
    const mapper = recordMapper({
      'public.orders': {
        columns: policy,
        payload: (seen, event) => {
          spread = { ...event };
          expect(event.after).toBe(event.after);
          expect(event.before).toBe(event.before);
          return { ...seen };
        },
      },
    });
    const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant', mapper });
    sink.prepare(change({ operation: 'update', before: row }));
    const { email: _email, ...expected } = row;
    expect(spread).toMatchObject({ id: 'memory:1', operation: 'update', key: { id: '1' } });
    expect(spread.after).toEqual(expected);
    expect(JSON.stringify(spread)).not.toContain(CANARY);
  });

  test('null stays null under hmac and truncate, and is masked', () => {
    const after = { id: '1', email: null, name: null, total: null };
    const policy = {
      mask: { email: '-' },
      truncate: { name: 2 },
      hmac: { columns: ['total'], key: KEY },
    };
    expect(payloads({ 'public.orders': policy }, change({ after }))).toEqual([
      { id: '1', email: '-', name: null, total: null },
    ]);
  });

  test('truncate counts code points and leaves no half of a pair', () => {
    const after = { ...row, name: '😀😀é' };
    expect(payloads({ 'public.orders': { truncate: { name: 1 } } }, change({ after }))).toEqual([
      { ...row, name: '😀' },
    ]);
  });

  test('an unavailable column stays named, unless it is excluded or masked', () => {
    const event = change({
      operation: 'update',
      after: { id: '1', total: '1' },
      unavailable: ['email', 'name'],
    });
    const result = (policy: ColumnPolicy): object | undefined =>
      payloads({ 'public.orders': policy }, event)[0];
    const hmacked = { hmac: { columns: ['email'], key: KEY } };
    expect(result(hmacked)).toEqual({ id: '1', total: '1', _unavailable: ['email', 'name'] });
    expect(result({ exclude: ['email'] })).toEqual({ id: '1', total: '1', _unavailable: ['name'] });
    expect(result({ mask: { email: '-' } })).toEqual({
      id: '1',
      email: '-',
      total: '1',
      _unavailable: ['name'],
    });
  });

  test('a key column under hmac: record, lane and payload show the HMAC only', () => {
    const columnsOf = table(['email'], ['email']);
    const sink = certyoSink({
      apiKey: 'key',
      tenantId: 'tenant',
      columns: { 'public.orders': { hmac: { columns: ['email'], key: KEY } } },
    });
    const prepared = sink.prepare(
      change({
        operation: 'update',
        key: { email: CANARY },
        previousKey: { email: `${CANARY}-old` },
        after: { email: CANARY },
        table: columnsOf,
      }),
    );
    expect(prepared.map(({ item }) => item.recordId)).toEqual([
      hmac(`${CANARY}-old`),
      hmac(CANARY),
    ]);
    expect(JSON.stringify(prepared)).not.toContain(CANARY);
  });

  test.each<ColumnPolicy>([{ mask: { id: '-' } }, { truncate: { id: 1 } }])(
    'a key column under %j is refused: rows would become one record',
    (policy) => {
      expect(() => payloads({ 'public.orders': policy }, change())).toThrow('Use `hmac`');
    },
  );

  test('a key column outside the lists still makes the recordId', () => {
    expect(payloads({ 'public.orders': { only: ['total'] } }, change())).toEqual([
      { total: '1.50' },
    ]);
  });

  test('a name that the table does not have is refused: the column meant would get through', () => {
    const policy = { exclude: ['emial'] };
    expect(() => payloads({ 'public.orders': policy }, change())).toThrow(
      "`columns['public.orders']` names `emial`, a column that public.orders does not have.",
    );
  });

  test.each<readonly [unknown, string]>([
    [{ orders: {} }, '`schema.table` or `*`'],
    [{ '*': { onyl: [] } }, "Did you mean `columns['*'].only`?"],
    [{ '*': { only: 'id' } }, 'an array of column names'],
    [{ '*': { only: ['a'], exclude: ['b'] } }, 'exclude each other'],
    [{ '*': { mask: { a: '-' }, truncate: { a: 1 } } }, 'two of mask, truncate and hmac'],
    [{ '*': { truncate: { a: -1 } } }, 'an integer from 0'],
    [{ '*': { hmac: { columns: ['a'], key: CANARY } } }, 'a secret of at least 16 bytes'],
    ['x', 'an object of policies'],
  ])('refuses %j', (policies, message) => {
    let caught: unknown;
    try {
      payloads(policies as ColumnPolicies, change());
    } catch (error) {
      caught = error;
    }
    expect(String(caught)).toContain(message);
    expect(inspect(caught, { showHidden: true })).not.toContain(CANARY);
  });
});
