import { describe, expect, test } from 'vitest';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import { call, record } from './test-client.ts';

const HOUR_MS = 60 * 60 * 1000;

describe('POST /records', () => {
  test('answers 202 with the five public fields', async () => {
    await using emulator = await startCertyoEmulator();

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

  test('no digit, escape, key order or duplicate key of a payload is lost', async () => {
    await using emulator = await startCertyoEmulator();
    const payload =
      '{"b": 12345678901234567890.123456789012345678900,\n"a":1e400,"a":-0,"s":"\\u00e9é"}';
    const envelope = '"tenantId":"test-tenant","database":"d","collection":"c","recordId":"1"';

    const text = `{${envelope},"recordPayload":${payload}}`;
    const single = await call(emulator, 'POST', '/records', text);
    await call(emulator, 'POST', '/records/bulk', `{"records":[ ${text} ]}`);
    const compact = text.replace('": 1', '":1').replace('\n', '');
    const same = await call(emulator, 'POST', '/records', compact);

    expect(
      emulator
        .records()
        .map((effect) => effect.payload)
        .slice(0, 2),
    ).toEqual([payload, payload]);
    // Whitespace between tokens does not count.
    expect(same.json).toMatchObject({
      recordHash: (single.json as { recordHash: string }).recordHash,
    });
  });

  test.each([
    [{ tenantId: undefined }, 'missing_field', 'tenantId'],
    [{ database: null }, 'missing_field', 'database'],
    [{ collection: '' }, 'invalid_value', 'collection'],
    [{ recordId: 1001 }, 'invalid_type', 'recordId'],
    [{ recordId: 'x'.repeat(5000) }, 'invalid_value', 'recordId'],
    [{ recordPayload: undefined }, 'missing_field', 'recordPayload'],
    [{ recordPayload: [1] }, 'invalid_type', 'recordPayload'],
    [{ recordPayload: null }, 'invalid_type', 'recordPayload'],
    [{ recordVersion: 3 }, 'invalid_type', 'recordVersion'],
    [{ operationType: 'truncate' }, 'invalid_value', 'operationType'],
    [{ sourceTimestamp: '2026-04-14 10:00:00' }, 'invalid_value', 'sourceTimestamp'],
    [{ sourceTimestamp: '2026-13-14T10:00:00Z' }, 'invalid_value', 'sourceTimestamp'],
    [{ idempotencyKey: 'k'.repeat(257) }, 'invalid_value', 'idempotencyKey'],
  ])('refuses %j with 400 and names the field', async (fields, code, field) => {
    await using emulator = await startCertyoEmulator();

    const answer = await call(emulator, 'POST', '/records', record(fields));

    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.json).toMatchObject({
      status: 400,
      code,
      field,
      errors: { [field]: [expect.stringContaining(field)] },
      correlationId: answer.headers.get('x-correlation-id'),
    });
    expect(emulator.counters).toMatchObject({ effects: 0, rejections: 1 });
  });

  test.each([
    ['2026-04-14T10:00:00.123456Z'],
    ['2026-04-14T10:00:00Z'],
    ['2026-04-14T10:00:00+02:00'],
  ])('takes the time %s', async (sourceTimestamp) => {
    await using emulator = await startCertyoEmulator();
    const answer = await call(emulator, 'POST', '/records', record({ sourceTimestamp }));
    expect(answer.status).toBe(202);
    expect(emulator.records()[0]?.sourceTimestamp).toBe(sourceTimestamp);
  });

  test('refuses what is not JSON, not UTF-8, compressed or too large', async () => {
    await using emulator = await startCertyoEmulator({ maxRequestBytes: 1000, maxRecordBytes: 20 });
    const post = (body: string, headers: Record<string, string> = {}) =>
      call(emulator, 'POST', '/records', body, { headers });

    expect(await post('{"tenantId":')).toMatchObject({
      status: 400,
      json: { code: 'invalid_json' },
    });
    expect(await post('')).toMatchObject({ status: 400, json: { code: 'invalid_json' } });
    expect(await post('[]')).toMatchObject({ status: 400, json: { code: 'invalid_type' } });
    expect(await post('{}', { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    expect(await post('{}', { 'content-encoding': 'gzip' })).toMatchObject({ status: 415 });
    expect(await post(`"${'x'.repeat(1000)}"`)).toMatchObject({
      status: 413,
      json: { code: 'body_too_large' },
    });
    const large = record({ recordPayload: { text: 'é'.repeat(10) } });
    expect(await call(emulator, 'POST', '/records', large)).toMatchObject({
      status: 413,
      json: { code: 'record_too_large' },
    });
    const latin1 = await fetch(`${emulator.url}/api/v1/records`, {
      method: 'POST',
      headers: { 'x-api-key': emulator.apiKey, 'content-type': 'application/json' },
      body: Buffer.from('{"recordPayload":{"a":"\xe9"}}', 'latin1'),
    });
    expect(await latin1.json()).toMatchObject({
      status: 400,
      detail: expect.stringContaining('UTF-8'),
    });
    expect(emulator.counters.effects).toBe(0);
  });

  test('shows hashes with the prefix of the PostgreSQL guide on demand', async () => {
    await using emulator = await startCertyoEmulator({ hashPrefix: 'sha256:' });
    const answer = await call(emulator, 'POST', '/records', record());
    expect(answer.json).toMatchObject({
      recordHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });
});

describe('POST /records/bulk', () => {
  test('answers a verdict per record, in an object or a bare array', async () => {
    await using emulator = await startCertyoEmulator();
    const records = [
      record({ recordId: '1' }),
      { recordId: 'broken' },
      7,
      record({ recordId: '2' }),
    ];

    const answer = await call(emulator, 'POST', '/records/bulk', { records });
    const bare = await call(emulator, 'POST', '/records/bulk', records);

    expect(answer.status).toBe(202);
    expect(answer.json).toEqual({
      accepted: 2,
      rejected: 2,
      results: [
        {
          index: 0,
          recordId: '1',
          status: 'accepted',
          recordHash: expect.stringMatching(/^[0-9a-f]{64}$/),
          acceptedAt: expect.stringMatching(/Z$/),
          idempotencyReplayed: false,
        },
        {
          index: 1,
          recordId: 'broken',
          status: 'rejected',
          recordHash: null,
          acceptedAt: null,
          idempotencyReplayed: false,
          error: { code: 'missing_field', field: 'tenantId', message: 'tenantId is required.' },
        },
        expect.objectContaining({ index: 2, recordId: null, status: 'rejected' }),
        expect.objectContaining({ index: 3, recordId: '2', status: 'accepted' }),
      ],
    });
    expect(bare.json).toMatchObject({ accepted: 2, rejected: 2 });
    expect(emulator.records().map((effect) => effect.recordId)).toEqual(['1', '2', '1', '2']);
  });

  test('takes 1000 records, not one more, and not none', async () => {
    await using emulator = await startCertyoEmulator();
    const records = Array.from({ length: 1001 }, (_, index) => record({ recordId: `${index}` }));
    const post = (body: unknown) => call(emulator, 'POST', '/records/bulk', body);

    expect(await post({ records })).toMatchObject({
      status: 400,
      json: { code: 'too_many_records', field: 'records' },
    });
    expect(await post({ records: [] })).toMatchObject({ status: 400 });
    expect(await post({ items: [] })).toMatchObject({ status: 400, json: { field: 'records' } });
    expect(emulator.counters.effects).toBe(0);
    expect(await post({ records: records.slice(1) })).toMatchObject({
      status: 202,
      json: { accepted: 1000 },
    });
  });

  test('a foreign tenant refuses the whole request', async () => {
    await using emulator = await startCertyoEmulator();
    const records = [record(), record({ tenantId: 'other' })];

    const answer = await call(emulator, 'POST', '/records/bulk', { records });

    expect(answer).toMatchObject({ status: 403, json: { field: 'tenantId' } });
    expect(emulator.counters.effects).toBe(0);
  });
});

describe('idempotency', () => {
  test('H-01: a key within 24 hours gives the first answer again, single and in bulk', async () => {
    await using emulator = await startCertyoEmulator();
    const keyed = record({ idempotencyKey: 'k' });

    const first = await call(emulator, 'POST', '/records', keyed);
    emulator.clock.advance(24 * HOUR_MS - 60_000);
    const replay = await call(emulator, 'POST', '/records', keyed);
    const bulk = await call(emulator, 'POST', '/records/bulk', [keyed, keyed]);

    expect(replay.status).toBe(202);
    expect(replay.json).toEqual({ ...(first.json as object), idempotencyReplayed: true });
    const { recordHash, acceptedAt } = first.json as Record<string, string>;
    const replayed = { recordHash, acceptedAt, status: 'accepted', idempotencyReplayed: true };
    expect(bulk.json).toMatchObject({ accepted: 2, results: [replayed, replayed] });
    expect(emulator.counters).toMatchObject({ effects: 1, replays: 3, collisions: 0 });
  });

  test('H-07: after 24 hours the key is forgotten', async () => {
    await using emulator = await startCertyoEmulator();
    const keyed = record({ idempotencyKey: 'k' });

    await call(emulator, 'POST', '/records', keyed);
    emulator.clock.advance(24 * HOUR_MS);
    const later = await call(emulator, 'POST', '/records', keyed);

    expect(later.json).toMatchObject({ idempotencyReplayed: false });
    expect(emulator.counters).toMatchObject({ effects: 2, replays: 0 });
  });

  test('H-03: the same key twice in one request has one effect', async () => {
    await using emulator = await startCertyoEmulator();
    const keyed = record({ idempotencyKey: 'k' });

    const answer = await call(emulator, 'POST', '/records/bulk', [keyed, keyed]);

    expect(answer.json).toMatchObject({
      results: [{ idempotencyReplayed: false }, { idempotencyReplayed: true }],
    });
    expect(emulator.counters.effects).toBe(1);
  });

  test('H-05: a key with another payload gives the old answer and counts as a collision', async () => {
    await using emulator = await startCertyoEmulator();
    const first = await call(emulator, 'POST', '/records', record({ idempotencyKey: 'k' }));

    const other = { idempotencyKey: 'k', recordPayload: { id: 2 } };
    const second = await call(emulator, 'POST', '/records', record(other));

    expect(second.json).toEqual({ ...(first.json as object), idempotencyReplayed: true });
    expect(emulator.counters).toMatchObject({ effects: 1, replays: 1, collisions: 1 });
  });

  test('keys of different tenants have nothing to do with each other', async () => {
    await using emulator = await startCertyoEmulator({
      keys: [
        { key: 'a', tenantId: 'test-tenant' },
        { key: 'b', tenantId: 'other' },
      ],
    });
    const other = { url: emulator.url, apiKey: 'b' };

    await call(emulator, 'POST', '/records', record({ idempotencyKey: 'k' }));
    const answer = await call(
      other,
      'POST',
      '/records',
      record({ tenantId: 'other', idempotencyKey: 'k' }),
    );

    expect(answer.json).toMatchObject({ tenantId: 'other', idempotencyReplayed: false });
  });
});
