import { startCertyoEmulator, type CertyoEmulator } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import type { ChangeEvent } from '../event/change-event.ts';
import type { Sink, Verdict } from '../sink/sink.ts';
import type { CertyoItem } from './certyo-item.ts';
import { certyoSink } from './certyo-sink.ts';
import type { CertyoSinkOptions } from './sink-options.ts';
import { rowChange } from './test-event.ts';
import { acceptance, reply, startTestServer } from './test-server.ts';

const { signal } = new AbortController();

function itemsOf(sink: Sink<CertyoItem>, ...events: readonly ChangeEvent[]): CertyoItem[] {
  return events.flatMap((event) => sink.prepare(event).map(({ item }) => item));
}

function inserts(sink: Sink<CertyoItem>, count: number): CertyoItem[] {
  return itemsOf(
    sink,
    ...Array.from({ length: count }, (_, index) => rowChange({ key: { id: String(index) } })),
  );
}

async function deliver(
  sink: Sink<CertyoItem>,
  items: readonly CertyoItem[],
): Promise<readonly Verdict[]> {
  return sink.deliver(items, { attempt: 1, signal });
}

function connect(emulator: CertyoEmulator, options: CertyoSinkOptions = {}): Sink<CertyoItem> {
  return certyoSink({ env: { ...emulator.environment }, ...options });
}

function types(verdicts: readonly Verdict[]): string {
  return verdicts.map((verdict) => verdict.type).join(' ');
}

describe('certyoSink', () => {
  test('nothing to deliver is no request', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    expect(await deliver(sink, [])).toEqual([]);
    expect(emulator.requests).toEqual([]);
    await sink.close?.();
  });

  test('delivers one record, and many in bulk, with a receipt for each', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    const [first, ...rest] = inserts(sink, 5);
    if (first === undefined) throw new Error('no item');
    const verdicts = [...(await deliver(sink, [first])), ...(await deliver(sink, rest))];
    expect(types(verdicts)).toBe('delivered delivered delivered delivered delivered');
    expect(emulator.requests.map((request) => request.path)).toEqual([
      '/api/v1/records',
      '/api/v1/records/bulk',
    ]);
    emulator.records().forEach((effect, index) => {
      expect(verdicts[index]).toEqual({
        type: 'delivered',
        replayed: false,
        receipt: { recordHash: effect.recordHash, acceptedAt: effect.receivedAt, replayed: false },
      });
    });
    await sink.close?.();
  });

  test('I4: no digit of the canonical row changes on its way', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    const text = '{"a":1.500,"b":12345678901234567890.120,"é":{"x":1e400,"x":-0.0},"z":"\\u00e9"}';
    await deliver(sink, itemsOf(sink, rowChange({ canonicalRow: () => text })));
    expect(emulator.records()[0]?.payload).toBe(text);
    await sink.close?.();
  });

  test('H-01: sent again after a lost answer, a record has one effect', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    for (const items of [inserts(sink, 1), inserts(sink, 7)]) {
      const before = emulator.counters.effects;
      emulator.faults.add({ kind: 'fail-after-accept' });
      const lost = await deliver(sink, items);
      for (const verdict of lost) expect(verdict).toMatchObject({ type: 'retry', inDoubt: true });
      const again = await deliver(sink, items);
      for (const verdict of again)
        expect(verdict).toMatchObject({ type: 'delivered', replayed: true });
      expect(again[0]).toMatchObject({ receipt: { replayed: true } });
      expect(emulator.counters.effects - before).toBeLessThanOrEqual(items.length);
    }
    expect(emulator.counters).toMatchObject({ effects: 7, collisions: 0 });
    await sink.close?.();
  });

  test('H-01: a held answer times out in doubt', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator, { timeoutMs: 1_000 });
    emulator.faults.add({ kind: 'hold' });
    expect(await deliver(sink, inserts(sink, 2))).toMatchObject([
      { type: 'retry', inDoubt: true, error: { code: 'DELIVERY_TIMEOUT' } },
      { type: 'retry', inDoubt: true },
    ]);
    await sink.close?.();
  });

  test('H-02: what a bulk answer leaves out is sent again alone', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    const items = inserts(sink, 6);
    emulator.faults.add({ kind: 'partial', mode: 'omit', every: 3 });
    const verdicts = await deliver(sink, items);
    expect(types(verdicts)).toBe('delivered delivered retry delivered delivered retry');
    expect(verdicts[2]).toMatchObject({ inDoubt: true, alone: true });
    emulator.faults.add({ kind: 'partial', mode: 'reverse' });
    const again = await deliver(sink, items);
    expect(types(again)).toBe(items.map(() => 'delivered').join(' '));
    again.forEach((verdict, index) => {
      const effect = emulator.records({ recordId: String(index) })[0];
      expect(verdict).toMatchObject({ receipt: { recordHash: effect?.recordHash } });
    });
    emulator.faults.add({ kind: 'partial', mode: 'reject', every: 2 });
    const fresh = itemsOf(sink, rowChange({ key: { id: 'a' } }), rowChange({ key: { id: 'b' } }));
    const mixed = await deliver(sink, fresh);
    expect(mixed).toMatchObject([
      { type: 'delivered' },
      { type: 'rejected', scope: 'item', error: { code: 'RECORD_REJECTED' } },
    ]);
    await sink.close?.();
  });

  test.each([
    [400, 'rejected'],
    [401, 'halt'],
    [402, 'halt'],
    [403, 'halt'],
    [404, 'halt'],
    [405, 'halt'],
    [408, 'doubt'],
    [409, 'doubt'],
    [413, 'rejected'],
    [415, 'halt'],
    [422, 'rejected'],
    [425, 'retry'],
    [429, 'retry'],
    [500, 'doubt'],
    [502, 'doubt'],
    [503, 'doubt'],
    [504, 'doubt'],
  ])('H-09, H-12, H-13, H-14: %d means %s', async (status, meaning) => {
    await using server = await startTestServer((_request, response) => {
      response.setHeader('retry-after', '3');
      reply(response, status, { title: 'canary' });
    });
    const sink = certyoSink({ baseUrl: server.url, apiKey: 'key', tenantId: 'tenant' });
    const [single] = await deliver(sink, inserts(sink, 1));
    const bulk = await deliver(sink, inserts(sink, 3));
    expect(bulk).toHaveLength(3);
    for (const [verdict, scope] of [
      [single, 'item'] as const,
      ...bulk.map((v) => [v, 'batch'] as const),
    ]) {
      if (meaning === 'rejected') expect(verdict).toMatchObject({ type: 'rejected', scope });
      else if (meaning === 'halt') expect(verdict).toMatchObject({ type: 'halt' });
      else {
        const inDoubt = meaning === 'doubt';
        expect(verdict).toMatchObject({ type: 'retry', inDoubt, retryAfterMs: 3000 });
      }
    }
    await sink.close?.();
  });

  test('H-10: Retry-After of either form reaches the verdict', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    const expected = { seconds: 2000, 'http-date': 2000, absurd: 600_000 } as const;
    for (const [retryAfter, ms] of Object.entries(expected)) {
      emulator.faults.add({ kind: 'rate-limit', retryAfter: retryAfter as 'seconds', seconds: 2 });
      const [verdict] = await deliver(sink, inserts(sink, 1));
      expect(verdict).toMatchObject({ type: 'retry', inDoubt: false });
      const got = verdict?.type === 'retry' ? (verdict.retryAfterMs ?? -1) : -1;
      expect(got).toBeLessThanOrEqual(ms);
      expect(got).toBeGreaterThanOrEqual(ms - 1000);
    }
    for (const retryAfter of ['text', 'absent'] as const) {
      emulator.faults.add({ kind: 'rate-limit', retryAfter });
      const [verdict] = await deliver(sink, inserts(sink, 1));
      expect(verdict).not.toHaveProperty('retryAfterMs');
    }
    await sink.close?.();
  });

  test('H-12: a record over the limit is rejected here, and the others go on', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator, { maxRecordBytes: 2000 });
    const note = 'canary'.repeat(1000);
    const items = itemsOf(
      sink,
      rowChange({ key: { id: 'small' } }),
      rowChange({ key: { id: 'large' }, after: { id: 'large', note } }),
    );
    const verdicts = await deliver(sink, items);
    expect(verdicts).toMatchObject([
      { type: 'delivered' },
      { type: 'rejected', scope: 'item', error: { code: 'RECORD_REJECTED' } },
    ]);
    expect(String(verdicts[1]?.type === 'rejected' && verdicts[1].error)).toMatch(
      /has \d+ bytes; 2000 are allowed/u,
    );
    expect(emulator.counters.attempts).toBe(1);
    await sink.close?.();
  });

  test('H-14: a wrong key or tenant halts', async () => {
    await using emulator = await startCertyoEmulator();
    for (const wrong of [{ apiKey: 'wrong' }, { tenantId: 'other' }]) {
      const sink = connect(emulator, wrong);
      for (const count of [1, 2]) {
        for (const verdict of await deliver(sink, inserts(sink, count))) {
          expect(verdict).toMatchObject({ type: 'halt', error: { code: 'API_KEY_REFUSED' } });
        }
      }
      await sink.close?.();
    }
  });

  test.each(['html', 'truncated', 'empty', 'unrelated'] as const)(
    'H-16: %s with status 200 confirms nothing',
    async (body) => {
      await using emulator = await startCertyoEmulator();
      const sink = connect(emulator);
      for (const count of [1, 3]) {
        emulator.faults.add({ kind: 'garbage', body });
        for (const verdict of await deliver(sink, inserts(sink, count))) {
          expect(verdict).toMatchObject({ type: 'retry', inDoubt: true });
        }
      }
      await sink.close?.();
    },
  );

  test('H-19: nobody listens: nothing is in doubt', async () => {
    const server = await startTestServer(() => undefined);
    await server[Symbol.asyncDispose]();
    for (const baseUrl of [server.url, server.url.replace('127.0.0.1', 'localhost')]) {
      const sink = certyoSink({ baseUrl, apiKey: 'key', tenantId: 'tenant' });
      expect(await deliver(sink, inserts(sink, 1))).toMatchObject([
        { type: 'retry', inDoubt: false, error: { code: 'DELIVERY_CONNECTION' } },
      ]);
      await sink.close?.();
    }
  });

  test('H-20: an abort rejects with the reason, unwrapped', async () => {
    await using server = await startTestServer(() => undefined);
    const sink = certyoSink({ baseUrl: server.url, apiKey: 'key', tenantId: 'tenant' });
    const controller = new AbortController();
    const reason = new Error('mine');
    const pending = sink.deliver(inserts(sink, 2), { attempt: 1, signal: controller.signal });
    const asking = sink.confirm?.(inserts(sink, 20), { signal: controller.signal });
    const failures = Promise.allSettled([pending, asking]);
    await expect.poll(() => server.requests.length).toBeGreaterThan(1);
    controller.abort(reason);
    expect(await failures).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await sink.close?.();
  });

  test('H-07: confirm asks for recordId and version', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator);
    const known = inserts(sink, 3);
    await deliver(sink, known);
    const later = itemsOf(
      sink,
      rowChange({ key: { id: '0' }, version: '1.0000000002', operation: 'update' }),
      rowChange({ key: { id: 'never' } }),
    );
    const verdicts = await sink.confirm?.([...known, ...later], { signal });
    expect(verdicts?.map((verdict) => verdict?.type ?? null)).toEqual([
      'delivered',
      'delivered',
      'delivered',
      null,
      null,
    ]);
    const [effect] = emulator.records();
    expect(verdicts?.[0]).toMatchObject({ receipt: { recordHash: effect?.recordHash } });
    emulator.faults.add({ kind: 'status', status: 500 });
    expect(await sink.confirm?.(inserts(sink, 1), { signal })).toMatchObject([{ type: 'retry' }]);
    emulator.faults.add({ kind: 'garbage', body: 'unrelated' });
    expect(await sink.confirm?.(inserts(sink, 1), { signal })).toMatchObject([{ type: 'retry' }]);
    expect(sink.idempotencyWindowMs).toBeLessThan(24 * 60 * 60 * 1000);
    await sink.close?.();
  });

  test('H-18: one clientId for every record', async () => {
    await using emulator = await startCertyoEmulator();
    const sink = connect(emulator, { clientId: 'orders' });
    await deliver(sink, inserts(sink, 2));
    expect(emulator.records().map((effect) => effect.clientId)).toEqual(['orders', 'orders']);
    await sink.close?.();
  });

  test('keeps to its limits when it is given more than a batch', async () => {
    await using server = await startTestServer((request, response) => {
      const body = JSON.parse(request.body) as {
        recordId: string;
        records?: { recordId: string }[];
      };
      reply(response, 202, body.records?.map(acceptance) ?? acceptance(body));
    });
    const base = { baseUrl: server.url, apiKey: 'key', tenantId: 'tenant' };
    const byCount = certyoSink({ ...base, maxBatchItems: 4 });
    expect(types(await deliver(byCount, inserts(byCount, 9)))).toBe(
      Array(9).fill('delivered').join(' '),
    );
    expect(server.requests.map((request) => request.path.endsWith('bulk'))).toEqual([
      true,
      true,
      false,
    ]);
    const byBytes = certyoSink({ ...base, maxBatchBytes: 1200 });
    await deliver(byBytes, inserts(byBytes, 9));
    for (const { body } of server.requests.slice(3)) expect(body.length).toBeLessThanOrEqual(1200);
    await byCount.close?.();
    await byBytes.close?.();
  });

  test('an item survives being parked, byte for byte', () => {
    const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant' });
    const [item] = inserts(sink, 1);
    if (item === undefined) throw new Error('no item');
    const text = sink.serialize?.(item) ?? '';
    const { body, collection, database, idempotencyKey, recordId, recordVersion } = item;
    const names = { database, collection, recordId, recordVersion, idempotencyKey };
    const again = sink.deserialize?.(text);
    expect(again).toEqual({ ...names, body });
    expect(again === undefined ? null : sink.serialize?.(again)).toBe(text);
    expect(() => sink.deserialize?.('{"body":"canary"}')).toThrow(
      'is not one that this sink wrote',
    );
    expect(() => sink.deserialize?.('canary')).toThrow('is not one that this sink wrote');
  });

  test.each([
    [{ maxBatchItems: 1001 }, 'at most 1000'],
    [{ messages: 'drop' }, "'deliver' or 'skip'"],
    [{ colums: {} }, 'Did you mean `columns`?'],
    [{ mapper: {} }, 'what recordMapper() returned'],
    [{ statusColumns: 'x' }, 'an array of column names'],
    [{ maxRecordBytes: -1 }, 'got `-1` (number)'],
  ])('refuses %j', (options, message) => {
    const wrong = { apiKey: 'key', tenantId: 'tenant', ...options } as CertyoSinkOptions;
    expect(() => certyoSink(wrong)).toThrow(message);
  });
});
