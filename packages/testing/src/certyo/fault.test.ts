import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { CertyoFault } from './fault.ts';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import { call, record } from './test-client.ts';

const bulk = (...ids: readonly string[]): object => ({
  records: ids.map((recordId) => record({ recordId, idempotencyKey: `key-${recordId}` })),
});

describe('faults', () => {
  test('H-01: fail-after-accept applies and cuts the connection; the replay is recognised', async () => {
    await using emulator = await startCertyoEmulator();
    const fault = emulator.faults.add({ kind: 'fail-after-accept' });

    await expect(call(emulator, 'POST', '/records/bulk', bulk('1', '2'))).rejects.toThrow();
    expect(emulator.counters.effects).toBe(2);
    const again = await call(emulator, 'POST', '/records/bulk', bulk('1', '2'));

    expect(again.json).toMatchObject({
      accepted: 2,
      results: [{ idempotencyReplayed: true }, { idempotencyReplayed: true }],
    });
    expect(emulator.counters.effects).toBe(2);
    expect(fault).toMatchObject({ hits: 1, remaining: 0 });
    expect(emulator.requests).toMatchObject([
      { fault: 'fail-after-accept', status: null },
      { fault: null, status: 202 },
    ]);
  });

  test('hold applies and answers only when it is removed', async () => {
    await using emulator = await startCertyoEmulator();
    const fault = emulator.faults.add({ kind: 'hold', count: 2 });
    let answered = 0;

    const held = ['1', '2'].map(async (recordId) => {
      const answer = await call(emulator, 'POST', '/records', record({ recordId }));
      answered += 1;
      return answer.status;
    });
    await expect.poll(() => emulator.counters.effects).toBe(2);
    // Another request passes: what is held stays held.
    await call(emulator, 'GET', '/records');
    expect(answered).toBe(0);
    await fault.remove();

    expect(await Promise.all(held)).toEqual([202, 202]);
  });

  test('hold without effect; closing the emulator cuts what is held', async () => {
    const emulator = await startCertyoEmulator();
    const fault = emulator.faults.add({ kind: 'hold', applies: false });
    const held = call(emulator, 'POST', '/records', record()).catch((error: unknown) => error);
    await expect.poll(() => fault.hits).toBe(1);
    expect(emulator.counters.effects).toBe(0);

    await emulator.close();

    expect(await held).toBeInstanceOf(Error);
  });

  test.each(['early', 'late'] as const)(
    'slow answers late, with its effect %s',
    async (applies) => {
      await using emulator = await startCertyoEmulator();
      emulator.faults.add({ kind: 'slow', delayMs: 80, applies });
      const started = performance.now();

      const answer = await call(emulator, 'POST', '/records', record());

      expect(answer.status).toBe(202);
      expect(performance.now() - started).toBeGreaterThanOrEqual(78);
      expect(emulator.counters.effects).toBe(1);
    },
  );

  test('H-02: partial omits records that were applied', async () => {
    await using emulator = await startCertyoEmulator();
    emulator.faults.add({ kind: 'partial', every: 3 });

    const answer = await call(
      emulator,
      'POST',
      '/records/bulk',
      bulk('1', '2', '3', '4', '5', '6'),
    );

    const { results } = answer.json as { results: { recordId: string }[] };
    expect(results.map((result) => result.recordId)).toEqual(['1', '2', '4', '5']);
    expect(emulator.counters.effects).toBe(6);
  });

  test('H-02: partial rejects records, or answers in another order', async () => {
    await using emulator = await startCertyoEmulator();
    emulator.faults.add({ kind: 'partial', mode: 'reject', match: { recordId: '1' }, every: 1 });
    emulator.faults.add({ kind: 'partial', mode: 'reverse' });

    const rejecting = await call(emulator, 'POST', '/records/bulk', bulk('1', '2'));
    const reversed = await call(emulator, 'POST', '/records/bulk', bulk('1', '2'));

    expect(rejecting.json).toMatchObject({
      accepted: 1,
      rejected: 1,
      results: [{ status: 'rejected' }, { status: 'accepted' }],
    });
    expect(reversed.json).toMatchObject({
      results: [
        { index: 1, recordId: '2' },
        { index: 0, recordId: '1' },
      ],
    });
  });

  test('H-13: reject refuses one record, or the request that holds it', async () => {
    await using emulator = await startCertyoEmulator();
    const byRecord = emulator.faults.add({
      kind: 'reject',
      match: ({ record: it }) => it?.recordId === 'bad',
      count: false,
      code: 'poison',
    });

    const answer = await call(emulator, 'POST', '/records/bulk', bulk('1', 'bad', '2'));
    expect(answer.json).toMatchObject({
      results: [
        { status: 'accepted' },
        { status: 'rejected', error: { code: 'poison' } },
        { status: 'accepted' },
      ],
    });
    const single = await call(emulator, 'POST', '/records', record({ recordId: 'bad' }));
    expect(single).toMatchObject({ status: 400, json: { code: 'poison' } });
    expect(byRecord).toMatchObject({ hits: 2, remaining: null });
    await byRecord.remove();

    emulator.faults.add({
      kind: 'reject',
      scope: 'request',
      match: { recordId: 'bad' },
      count: false,
    });
    expect((await call(emulator, 'POST', '/records/bulk', bulk('3', 'bad'))).status).toBe(400);
    expect((await call(emulator, 'POST', '/records/bulk', bulk('3'))).status).toBe(202);
    expect(emulator.records().map((effect) => effect.recordId)).toEqual(['1', '2', '3']);
  });

  test('H-16: garbage in four forms', async () => {
    await using emulator = await startCertyoEmulator();
    const post = async (fault: CertyoFault) => {
      emulator.faults.add(fault);
      return call(emulator, 'POST', '/records', record());
    };

    const html = await post({ kind: 'garbage' });
    expect(html).toMatchObject({ status: 200, json: undefined });
    expect(html.headers.get('content-type')).toContain('text/html');
    expect(await post({ kind: 'garbage', body: 'unrelated' })).toMatchObject({
      status: 200,
      json: { ok: true },
    });
    expect(emulator.counters.effects).toBe(0);
    const truncated = await post({ kind: 'garbage', body: 'truncated' });
    expect(truncated).toMatchObject({ status: 202, json: undefined });
    expect(truncated.text).toMatch(/^\{"recordId"/);
    expect(await post({ kind: 'garbage', body: 'empty' })).toMatchObject({ status: 202, text: '' });
    expect(emulator.counters.effects).toBe(2);
  });

  test.each([301, 302, 303, 307, 308] as const)('redirects with %d', async (status) => {
    await using emulator = await startCertyoEmulator();
    emulator.faults.add({ kind: 'redirect', status, location: 'http://127.0.0.1:1/elsewhere' });

    const answer = await call(emulator, 'POST', '/records', record());

    expect(answer.status).toBe(status);
    expect(answer.headers.get('location')).toBe('http://127.0.0.1:1/elsewhere');
    expect(emulator.counters.effects).toBe(0);
  });

  test('H-10: 429 with every form of Retry-After', async () => {
    await using emulator = await startCertyoEmulator();
    const retryAfter = async (fault: CertyoFault) => {
      emulator.faults.add(fault);
      const answer = await call(emulator, 'POST', '/records', record());
      expect(answer.status).toBe(429);
      return answer.headers.get('retry-after');
    };

    expect(await retryAfter({ kind: 'rate-limit', seconds: 7 })).toBe('7');
    const date = await retryAfter({ kind: 'rate-limit', retryAfter: 'http-date', seconds: 90 });
    expect(Date.parse(date ?? '') - Date.now()).toBeGreaterThan(85_000);
    expect(date).toMatch(/GMT$/);
    expect(await retryAfter({ kind: 'rate-limit', retryAfter: 'text' })).toMatch(/[a-z]/);
    expect(await retryAfter({ kind: 'rate-limit', retryAfter: 'absurd' })).toBe('999999999999');
    expect(await retryAfter({ kind: 'rate-limit', retryAfter: 'absent' })).toBeNull();
  });

  test('any status, with or without effect', async () => {
    await using emulator = await startCertyoEmulator();
    emulator.faults.add({ kind: 'status', status: 503 });
    emulator.faults.add({ kind: 'status', status: 500, applies: true });

    const [first, second] = [
      await call(emulator, 'POST', '/records', record()),
      await call(emulator, 'POST', '/records', record()),
    ];

    expect([first.status, second.status]).toEqual([503, 500]);
    expect(second.headers.get('x-correlation-id')).not.toBeNull();
    expect(emulator.counters.effects).toBe(1);
  });

  test('H-19: down refuses connections until it is removed, and comes up at the same port', async () => {
    await using emulator = await startCertyoEmulator();
    const idle = connect(emulator.port, '127.0.0.1');
    await once(idle, 'connect');
    idle.resume();
    const fault = emulator.faults.add({ kind: 'down' });
    if (!idle.destroyed) await once(idle, 'close');

    const socket = connect(emulator.port, '127.0.0.1');
    expect(await once(socket, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
    const { url } = emulator;
    await fault.remove();

    expect(emulator.url).toBe(url);
    expect((await call(emulator, 'POST', '/records', record())).status).toBe(202);
  });

  test('down by count resets that many connections', async () => {
    await using emulator = await startCertyoEmulator();
    const fault = emulator.faults.add({ kind: 'down', count: 2 });

    for (let n = 0; n < 2; n += 1) {
      const socket = connect(emulator.port, '127.0.0.1');
      expect(await once(socket, 'error')).toMatchObject([{ code: 'ECONNRESET' }]);
    }

    expect((await call(emulator, 'GET', '/records')).status).toBe(200);
    expect(fault).toMatchObject({ hits: 2, remaining: 0 });
  });

  test('H-17: a request on a connection that the server has just closed is cut', async () => {
    await using emulator = await startCertyoEmulator();
    await call(emulator, 'GET', '/records');
    const fault = emulator.faults.add({ kind: 'down' });
    await expect(call(emulator, 'GET', '/records')).rejects.toThrow();
    await fault.remove();
    expect((await call(emulator, 'GET', '/records')).status).toBe(200);
  });

  test('the first fault that matches strikes, the next when its quota is used up', async () => {
    await using emulator = await startCertyoEmulator();
    const get = async (path: string) => (await call(emulator, 'GET', path)).status;
    emulator.faults.add({ kind: 'status', status: 502, match: { path: '/api/v1/snapshots' } });
    emulator.faults.add({ kind: 'status', status: 504, count: 2 });

    expect(await get('/records')).toBe(504);
    expect(await get('/snapshots')).toBe(502);
    expect(await get('/snapshots')).toBe(504);
    expect(await get('/snapshots')).toBe(200);
    emulator.faults.add({ kind: 'status', status: 500, count: false });
    await emulator.faults.clear();
    expect(await get('/records')).toBe(200);
  });

  test.each([
    [{ kind: 'explode' }, 'Expected `fault.kind` to be one of reject,'],
    [
      { kind: 'slow' },
      'Expected `fault.delayMs` to be a non-negative finite number, got `undefined`',
    ],
    [{ kind: 'slow', delayMs: -1 }, 'got `-1` (number)'],
    [{ kind: 'redirect', status: 304, location: 'x' }, '`fault.status` to be one of 301, 302'],
    [{ kind: 'status', status: 99 }, 'an HTTP status from 200 to 599'],
    [{ kind: 'hold', count: 0 }, '`fault.count` to be a positive integer'],
    [{ kind: 'hold', delayMs: 5 }, 'A fault of kind `hold` has no field `delayMs`'],
    [{ kind: 'hold', match: { record: '1' } }, 'Expected `fault.match` to name only method, path'],
    [{ kind: 'garbage', body: 'xml' }, '`fault.body` to be one of "html"'],
  ])('%j is refused', async (fault, message) => {
    await using emulator = await startCertyoEmulator();
    expect(() => emulator.faults.add(fault as CertyoFault)).toThrow(message);
  });
});
