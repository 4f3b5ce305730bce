import { describe, expect, test } from 'vitest';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import { call, record } from './test-client.ts';

const KEYS = [
  { key: 'key-a', tenantId: 'test-tenant', clientId: 'orders' },
  { key: 'key-b', tenantId: 'other' },
];

const POSTS = ['/records', '/records/bulk', '/verify/record', '/verify/payload'];
const GETS = [
  '/records',
  '/verify/snapshot/snap_0000000001',
  '/verify/history',
  '/snapshots',
  '/snapshots/snap_0000000001',
  '/snapshots/snap_0000000001/lifecycle',
  '/batches/batch_00000001',
  '/timeline/record?recordId=1001',
  '/audit/history',
  '/evidence/retrieval-controls',
];
const ENDPOINTS = [
  ...POSTS.map((path) => ['POST', path] as const),
  ...GETS.map((path) => ['GET', path] as const),
  ['POST', '/snapshots/snap_0000000001/retry'] as const,
];

describe('API keys', () => {
  test('all 15 public endpoints want a key, and name a correlation id', async () => {
    await using emulator = await startCertyoEmulator({ keys: KEYS });
    expect(ENDPOINTS).toHaveLength(15);

    for (const [method, path] of ENDPOINTS) {
      const body = method === 'POST' ? '{}' : undefined;
      const stranger = { url: emulator.url, apiKey: 'stranger' };
      const answer = await call(stranger, method, path, body);
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.json).toMatchObject({ code: 'invalid_api_key' });
      expect(answer.headers.get('x-correlation-id')).not.toBeNull();
    }
    const none = await fetch(`${emulator.url}/api/v1/records`);
    expect([none.status, await none.json()]).toMatchObject([401, { code: 'missing_api_key' }]);
  });

  test('a key never crosses tenants', async () => {
    await using emulator = await startCertyoEmulator({ keys: KEYS });
    await call(emulator, 'POST', '/records', record());
    emulator.closeBatches();
    const other = { url: emulator.url, apiKey: 'key-b' };

    expect(await call(other, 'POST', '/records', record())).toMatchObject({
      status: 403,
      json: { code: 'tenant_forbidden', field: 'tenantId' },
    });
    for (const path of ['/records', '/snapshots', '/verify/history', '/audit/history']) {
      const named = await call(other, 'GET', `${path}?tenantId=test-tenant`);
      expect([path, named.status]).toEqual([path, 403]);
    }
    expect((await call(other, 'GET', '/records')).json).toMatchObject({ items: [] });
    for (const path of ['/snapshots/snap_0000000001', '/batches/batch_00000001']) {
      expect((await call(emulator, 'GET', path)).status).toBe(200);
      expect((await call(other, 'GET', path)).status).toBe(404);
    }
    const verify = { tenantId: 'test-tenant', recordId: '1001' };
    expect((await call(other, 'POST', '/verify/record', verify)).status).toBe(403);
  });

  test('a key bound to a client refuses records of another client', async () => {
    await using emulator = await startCertyoEmulator({ keys: KEYS });
    const post = (clientId?: string) => call(emulator, 'POST', '/records', record({ clientId }));

    expect((await post('orders')).status).toBe(202);
    expect((await post()).status).toBe(202);
    expect(await post('billing')).toMatchObject({ status: 403, json: { field: 'clientId' } });
  });

  test('H-14: a key that is deactivated stops working, an added one works', async () => {
    await using emulator = await startCertyoEmulator();
    emulator.keys.remove(emulator.apiKey);
    expect((await call(emulator, 'GET', '/records')).status).toBe(401);
    emulator.keys.add({ key: 'new', tenantId: 'test-tenant' });
    const renewed = { url: emulator.url, apiKey: 'new' };
    expect((await call(renewed, 'GET', '/records')).status).toBe(200);
  });

  test('I11: the audit history tells keys apart without showing them', async () => {
    await using emulator = await startCertyoEmulator();
    await call(emulator, 'POST', '/records', record());

    const answer = await call(emulator, 'GET', '/audit/history');

    expect(answer.json).toMatchObject({
      items: [{ action: 'POST /api/v1/records', recordCount: 1, status: 202 }],
      nextCursor: null,
    });
    expect(answer.text).not.toContain(emulator.apiKey);
  });
});

describe('paths', () => {
  test('unknown paths are 404, known paths with another method 405', async () => {
    await using emulator = await startCertyoEmulator();
    expect((await call(emulator, 'GET', '/record')).status).toBe(404);
    expect((await call(emulator, 'GET', '/snapshots/%E0%A4%A')).status).toBe(404);
    const answer = await call(emulator, 'DELETE', '/records');
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST, GET');
  });
});

describe('rate limit', () => {
  test('H-10: per client, with Retry-After in seconds, over the emulator’s clock', async () => {
    await using emulator = await startCertyoEmulator({
      keys: KEYS,
      rateLimit: { requests: 2, perMs: 60_000 },
    });
    const get = () => call(emulator, 'GET', '/records');
    await get();
    await get();

    const limited = await get();

    expect(limited).toMatchObject({ status: 429, json: { code: 'rate_limited' } });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(20);
    expect(Number(limited.headers.get('retry-after'))).toBeLessThanOrEqual(30);
    const other = { url: emulator.url, apiKey: 'key-b' };
    expect((await call(other, 'GET', '/records')).status).toBe(200);
    emulator.clock.advance(30_000);
    expect((await get()).status).toBe(200);
    expect((await get()).status).toBe(429);
  });

  test('H-10: Retry-After as a date is no earlier than the next allowed request', async () => {
    await using emulator = await startCertyoEmulator({
      rateLimit: { requests: 1, perMs: 60_000, retryAfter: 'http-date' },
    });
    await call(emulator, 'GET', '/records');

    const limited = await call(emulator, 'GET', '/records');

    const date = Date.parse(limited.headers.get('retry-after') ?? '');
    expect(date).toBeGreaterThan(Date.parse(limited.headers.get('date') ?? ''));
    emulator.clock.advance(Math.max(0, date - Date.now()));
    expect((await call(emulator, 'GET', '/records')).status).toBe(200);
  });
});
