import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import type { EmulatorPhase, EmulatorPhaseInfo } from './options.ts';
import { call, record } from './test-client.ts';

const QUICK = { batchAgeMs: 20, anchorDelayMs: 20 };

describe('startCertyoEmulator', () => {
  test('closing cuts connections, rejects waiters and may be repeated', async () => {
    const emulator = await startCertyoEmulator();
    const socket = connect(emulator.port, '127.0.0.1');
    await once(socket, 'connect');
    await call(emulator, 'POST', '/records', record());
    const waiting = emulator.waitUntilAnchored().catch((error: unknown) => error);

    await emulator.close();
    await emulator.close();

    expect(await waiting).toEqual(new Error('The emulator was closed.'));
    if (!socket.destroyed) await once(socket, 'close');
    await expect(call(emulator, 'GET', '/records')).rejects.toThrow('fetch failed');
  });

  test('waitUntilAnchored rejects with the reason of the signal', async () => {
    await using emulator = await startCertyoEmulator();
    await expect(emulator.waitUntilAnchored()).resolves.toBeUndefined();
    await call(emulator, 'POST', '/records', record());
    const reason = new Error('enough');
    const abort = new AbortController();

    const waiting = emulator.waitUntilAnchored({ signal: abort.signal });
    abort.abort(reason);

    await expect(waiting).rejects.toBe(reason);
    await expect(emulator.waitUntilAnchored({ signal: abort.signal })).rejects.toBe(reason);
  });

  test('phases come in order, are waited for, and tell what happened', async () => {
    const seen: [EmulatorPhase, EmulatorPhaseInfo][] = [];
    await using emulator = await startCertyoEmulator({
      onPhase: async (phase, info) => {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push([phase, info]);
        expect(emulator.counters.effects).toBe(phase === 'request-received' ? 0 : 2);
      },
    });

    const records = [record({ recordId: '1' }), record({ recordId: '2' }), {}];
    await call(emulator, 'POST', '/records/bulk', { records });
    await expect.poll(() => seen.length).toBe(3);

    const info = { requestNumber: 1, method: 'POST', path: '/api/v1/records/bulk', recordCount: 3 };
    expect(seen).toEqual([
      ['request-received', { ...info, effectCount: 0, status: null }],
      ['applied', { ...info, effectCount: 2, status: null }],
      ['responded', { ...info, effectCount: 2, status: 202 }],
    ]);
  });

  test('a client that goes away in the middle of a request has no effect', async () => {
    await using emulator = await startCertyoEmulator();
    const socket = connect(emulator.port, '127.0.0.1');
    socket.write(
      `POST /api/v1/records HTTP/1.1\r\nHost: e\r\nX-API-Key: ${emulator.apiKey}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"tenantId":',
    );
    await expect.poll(() => emulator.counters.requests).toBe(1);

    socket.destroy();
    await call(emulator, 'POST', '/records', record());

    expect(emulator.counters).toMatchObject({ requests: 2, effects: 1 });
    expect(emulator.requests[0]).toMatchObject({ status: null });
  });

  test('I11: the request log names headers and never their values', async () => {
    await using emulator = await startCertyoEmulator(QUICK);

    await call(emulator, 'POST', '/records', record(), { headers: { 'x-canary': 'canary-value' } });

    expect(emulator.requests).toMatchObject([
      { method: 'POST', path: '/api/v1/records', status: 202, recordCount: 1, fault: null },
    ]);
    expect(emulator.requests[0]?.headerNames).toContain('x-canary');
    expect(JSON.stringify(emulator.requests)).not.toContain('canary-value');
    expect(JSON.stringify(emulator.requests)).not.toContain(emulator.apiKey);
  });

  test('effects are listed in order of acceptance with their attempts', async () => {
    await using emulator = await startCertyoEmulator(QUICK);
    const one = record({ recordId: '1', recordVersion: '7', idempotencyKey: 'k', clientId: 'c' });

    await call(emulator, 'POST', '/records', one);
    await call(emulator, 'POST', '/records/bulk', [one, record({ recordId: '2' })]);

    expect(emulator.records()).toMatchObject([
      {
        sequence: 1,
        tenantId: 'test-tenant',
        clientId: 'c',
        database: 'shopdb',
        collection: 'public.orders',
        recordId: '1',
        recordVersion: '7',
        operationType: 'upsert',
        payload: '{"id":1001}',
        idempotencyKey: 'k',
        attempts: 2,
      },
      { sequence: 2, recordId: '2', recordVersion: '1', idempotencyKey: null, attempts: 1 },
    ]);
    expect(emulator.records({ recordId: '2' })).toHaveLength(1);
    expect(emulator.records({ collection: 'other' })).toEqual([]);
    expect(emulator.effectsAfter(1, 5).map((effect) => effect.recordId)).toEqual(['2']);
    expect(emulator.counters).toMatchObject({ attempts: 3, effects: 2, replays: 1, collisions: 0 });
  });

  test.each(['digest', 'counts'] as const)(
    'with retention %s it counts without keeping records',
    async (retention) => {
      await using emulator = await startCertyoEmulator({ ...QUICK, retention });
      const records = [record({ recordVersion: '1' }), record({ recordVersion: '2' })];

      const answer = await call(emulator, 'POST', '/records/bulk', { records });
      await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });

      expect(answer.json).toMatchObject({ accepted: 2 });
      expect(emulator.records()).toEqual([]);
      expect(emulator.counters).toMatchObject({ effects: 2, anchored: 2, pending: 0 });
      const name = JSON.stringify(['test-tenant', 'shopdb', 'public.orders', '1001']);
      expect(emulator.digests().get(name)).toEqual(
        retention === 'counts'
          ? undefined
          : { effects: 2, lastVersion: '2', digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      );
      const snapshots = await call(emulator, 'GET', '/snapshots');
      expect(snapshots).toMatchObject({ status: 501, json: { code: 'not_retained' } });
    },
  );

  test('a port that is taken rejects', async () => {
    await using emulator = await startCertyoEmulator();
    await expect(startCertyoEmulator({ port: emulator.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await expect(startCertyoEmulator({ controlPort: emulator.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
