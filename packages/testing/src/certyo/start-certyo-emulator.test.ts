import { describe, expect, test } from 'vitest';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import { call, record } from './test-client.ts';

const QUICK = { batchAgeMs: 20, anchorDelayMs: 20 };

describe('startCertyoEmulator', () => {
  test('a record is accepted with 202 and the five public fields', async () => {
    await using emulator = await startCertyoEmulator(QUICK);

    const answer = await call(emulator, 'POST', '/records', record({ recordId: '1' }));

    expect(answer.status).toBe(202);
    expect(answer.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.json).toEqual({
      recordId: '1',
      recordHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      tenantId: 'test-tenant',
      acceptedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      idempotencyReplayed: false,
    });
  });

  test('no digit of a payload is lost', async () => {
    await using emulator = await startCertyoEmulator(QUICK);
    const payload =
      '{"b":12345678901234567890.123456789012345678900,"a":1e400,"a":-0,"s":"\\u00e9é"}';

    const text = `{"tenantId":"test-tenant","database":"d","collection":"c","recordId":"1","recordPayload":${payload}}`;
    await call(emulator, 'POST', '/records', text);

    expect(emulator.records()[0]?.payload).toBe(payload);
  });

  test('a bulk is answered with a verdict per record, and everything is anchored', async () => {
    await using emulator = await startCertyoEmulator(QUICK);

    const records = [record({ recordId: '1' }), { recordId: 'broken' }, record({ recordId: '2' })];
    const answer = await call(emulator, 'POST', '/records/bulk', { records });
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(5_000) });

    expect(answer.status).toBe(202);
    expect(answer.json).toMatchObject({
      accepted: 2,
      rejected: 1,
      results: [
        { index: 0, recordId: '1', status: 'accepted' },
        { index: 1, recordId: 'broken', status: 'rejected', error: { field: 'tenantId' } },
        { index: 2, recordId: '2', status: 'accepted' },
      ],
    });
    expect(emulator.records().map((effect) => [effect.recordId, effect.status])).toEqual([
      ['1', 'Anchored'],
      ['2', 'Anchored'],
    ]);
    const snapshots = await call(emulator, 'GET', '/snapshots?tenantId=test-tenant&recordId=1');
    expect(snapshots.json).toMatchObject({
      items: [{ recordId: '1', status: 'Anchored', onChainConfirmed: true }],
    });
  });
});
