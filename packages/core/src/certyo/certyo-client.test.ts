import { gzipSync } from 'node:zlib';

import { startCertyoEmulator } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { JsonNumber, type JsonValue } from '../event/json.ts';
import { createCertyoClient } from './certyo-client.ts';
import { acceptance, reply, startTestServer, type TestHandler } from './test-server.ts';

const RECORD = {
  database: 'shop',
  collection: 'public.orders',
  recordId: '1',
  recordPayload: { total: new JsonNumber('12345678901234567890.120') },
};

async function withServer<T>(
  handler: TestHandler,
  work: (client: ReturnType<typeof createCertyoClient>, url: string) => Promise<T>,
  options: object = {},
): Promise<T> {
  await using server = await startTestServer(handler);
  await using client = createCertyoClient({
    baseUrl: server.url,
    apiKey: 'key',
    tenantId: 'tenant',
    ...options,
  });
  return await work(client, server.url);
}

describe('CertyoClient', () => {
  test('verifies a payload to the letter: a value would be written anew, with other keys first', async () => {
    await using emulator = await startCertyoEmulator({ batchAgeMs: 20, anchorDelayMs: 20 });
    await using client = createCertyoClient({ env: { ...emulator.environment } });
    const { recordId, database, collection } = RECORD;
    const payloadText = '{"json":{"z":1.50,"a":"$&"}}';
    const { recordPayload: _, ...head } = RECORD;
    const body = JSON.stringify({ tenantId: client.tenantId, ...head, recordPayload: 0 });
    await client.send({
      method: 'POST',
      path: '/api/v1/records',
      body: body.replace('"recordPayload":0', () => `"recordPayload":${payloadText}`),
    });
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });
    const name = { database, collection, recordId };
    expect(await client.verifyRecord({ ...name, payloadText })).toMatchObject({ anchored: true });
    const payload = JSON.parse(payloadText) as JsonValue;
    expect(await client.verifyRecord({ ...name, payload })).toMatchObject({ anchored: false });
    await expect(client.verifyRecord({ ...name, payloadText: '{"no' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('speaks to every public endpoint', async () => {
    await using emulator = await startCertyoEmulator({ batchAgeMs: 20, anchorDelayMs: 20 });
    await using client = createCertyoClient({ env: { ...emulator.environment } });
    const { recordId, database, collection } = RECORD;

    const accepted = await client.ingestRecord({ ...RECORD, idempotencyKey: 'k1' });
    expect(accepted).toMatchObject({ recordId, idempotencyReplayed: false });
    const again = await client.ingestRecord({ ...RECORD, idempotencyKey: 'k1' });
    expect(again).toMatchObject({ recordHash: accepted.recordHash, idempotencyReplayed: true });
    expect(emulator.records()[0]?.payload).toBe('{"total":12345678901234567890.120}');

    const bulk = await client.ingestRecords([
      { ...RECORD, recordId: '2' },
      { ...RECORD, recordId: '3', recordVersion: '7', operationType: 'insert' },
    ]);
    expect(bulk.verdicts.map((verdict) => verdict.type)).toEqual(['accepted', 'accepted']);
    await emulator.waitUntilAnchored({ signal: AbortSignal.timeout(60_000) });

    const found = await client.queryRecords({ recordId, database, collection });
    expect(found.items).toMatchObject([{ recordId, recordHash: accepted.recordHash }]);
    const snapshots = await client.listSnapshots({ recordId });
    const snapshot = snapshots.items[0];
    expect(snapshot).toMatchObject({ recordId, status: 'Anchored', onChainConfirmed: true });
    const snapshotId = snapshot?.snapshotId ?? '';

    const payload = RECORD.recordPayload;
    const verified = await client.verifyRecord({ database, collection, recordId, payload });
    expect(verified).toMatchObject({ verified: true, anchored: true });
    const changed = { total: 1 };
    expect(
      await client.verifyRecord({ database, collection, recordId, payload: changed }),
    ).toMatchObject({ verified: false, anchored: false });
    expect(await client.verifyPayload({ payloadHash: accepted.recordHash })).toMatchObject({
      anchored: true,
    });
    expect(await client.verifySnapshot(snapshotId)).toMatchObject({ anchored: true });
    expect((await client.verificationHistory()).items.length).toBeGreaterThanOrEqual(4);
    expect(await client.getSnapshot(snapshotId)).toMatchObject({ snapshotId, recordId });
    expect(await client.getSnapshotLifecycle(snapshotId)).toMatchObject({ raw: { snapshotId } });
    await expect(client.retrySnapshot(snapshotId)).rejects.toMatchObject({ status: 409 });
    const { batchId } = { batchId: '', ...(snapshot?.raw as { batchId: string } | undefined) };
    expect(await client.getBatch(batchId)).toMatchObject({ raw: { batchId } });
    expect((await client.getRecordTimeline({ recordId })).items).toHaveLength(1);
    expect((await client.getAuditHistory({ limit: 5 })).items).toHaveLength(5);
    expect(await client.getRetrievalControls({ snapshotId })).toHaveProperty('raw');
  });

  test('names wrong members of a request by path, and sends nothing', async () => {
    await withServer(
      (_request, response) => reply(response, 500, {}),
      async (client) => {
        const wrong = { ...RECORD, recordId: '', extra: 'canary', sourceTimestamp: 'today' };
        await expect(client.ingestRecord(wrong)).rejects.toThrow(
          /wrong at `record\.recordId`, `record\.sourceTimestamp`, `record` \(unknown member\)/u,
        );
        await expect(client.ingestRecords([])).rejects.toThrow('1 to 1000 records');
        await expect(client.getSnapshot('..')).rejects.toThrow('an id of the API');
        await expect(client.ingestRecords([{ ...RECORD, recordVersion: '' }])).rejects.toThrow(
          '`records[0].recordVersion`',
        );
      },
    );
  });

  test('joins paths: an id cannot change where a request goes', async () => {
    await using server = await startTestServer((_request, response) => reply(response, 200, {}));
    await using client = createCertyoClient({
      baseUrl: `${server.url}/prefix/`,
      apiKey: 'key',
      tenantId: 'a&b=c',
    });
    await client.getBatch('//evil.example.org/../x?y#z');
    await client.getRetrievalControls({ recordId: 'ä&tenantId=other' });
    expect(server.requests.map((request) => request.path)).toEqual([
      '/prefix/api/v1/batches/%2F%2Fevil.example.org%2F..%2Fx%3Fy%23z',
      '/prefix/api/v1/evidence/retrieval-controls?tenantId=a%26b%3Dc&recordId=%C3%A4%26tenantId%3Dother',
    ]);
  });

  const html = '<html>Sign in</html>';
  test.each<readonly [string, TestHandler]>([
    ['HTML', (_r, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html)],
    [
      'HTML that says it is JSON',
      (_r, response) => response.writeHead(202, { 'content-type': 'application/json' }).end(html),
    ],
    ['nothing', (_r, response) => response.writeHead(204).end()],
    ['cut JSON', (_r, response) => response.writeHead(202).end('{"recordId":"1"')],
    ['other JSON', (_r, response) => reply(response, 200, { status: 'ok' })],
    ['an array', (_r, response) => reply(response, 200, [])],
    ['another record', (_r, response) => reply(response, 202, acceptance({ recordId: '2' }))],
    [
      'another tenant',
      (_r, response) => reply(response, 202, { ...acceptance({ recordId: '1' }), tenantId: 'x' }),
    ],
    [
      'no hash',
      (_r, response) => reply(response, 202, { ...acceptance({ recordId: '1' }), recordHash: '' }),
    ],
    ['no UTF-8', (_r, response) => response.writeHead(202).end(Buffer.from([0x22, 0xff, 0x22]))],
    [
      'a compressed body',
      (_r, response) =>
        response
          .writeHead(202, { 'content-encoding': 'gzip' })
          .end(gzipSync(JSON.stringify(acceptance({ recordId: '1' })))),
    ],
    [
      'a body that says it is compressed',
      (_r, response) =>
        response
          .writeHead(202, { 'content-encoding': 'br' })
          .end(JSON.stringify(acceptance({ recordId: '1' }))),
    ],
    ['deep JSON', (_r, response) => response.writeHead(202).end('['.repeat(100_000))],
    [
      'too much',
      (_r, response) =>
        reply(response, 202, { ...acceptance({ recordId: '1' }), more: 'x'.repeat(2_000_000) }),
    ],
  ])('H-16: %s is no acceptance', async (_name, handler) => {
    await withServer(
      handler,
      async (client) => {
        const error: unknown = await client.ingestRecord(RECORD).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ name: 'ResponseInvalidError', code: 'RESPONSE_INVALID' });
        expect(String(error)).not.toContain('Sign in');
      },
      { maxResponseBytes: 1_000_000 },
    );
  });

  test('keeps correlation id, Retry-After and the names of fields on errors, and no body', async () => {
    await withServer(
      (_request, response) => {
        response.writeHead(429, { 'x-correlation-id': 'c-1', 'retry-after': '7' }).end('canary');
      },
      async (client) => {
        await expect(client.queryRecords()).rejects.toMatchObject({
          status: 429,
          correlationId: 'c-1',
          retryAfterMs: 7000,
          retryable: true,
          message: 'GET /api/v1/records was answered with 429.',
        });
      },
    );
    await withServer(
      (_request, response) => reply(response, 400, { errors: { recordPayload: ['canary 4711'] } }),
      async (client) => {
        await expect(client.ingestRecord(RECORD)).rejects.toMatchObject({
          message: 'POST /api/v1/records was answered with 400 (it names recordPayload).',
        });
      },
    );
  });

  test.each([
    ['no headers', { timeoutMs: 5000, headersTimeoutMs: 60 }, (): void => undefined],
    ['no answer at all', { timeoutMs: 60 }, (): void => undefined],
    [
      'a body that stalls',
      { timeoutMs: 5000, bodyTimeoutMs: 60 },
      ((_r, response) => {
        response.writeHead(200);
        response.write('{');
      }) satisfies TestHandler,
    ],
  ])('times out on %s', async (_name, options, handler) => {
    await withServer(
      handler,
      async (client) => {
        await expect(client.queryRecords()).rejects.toMatchObject({ name: 'DeliveryTimeoutError' });
      },
      options,
    );
  });

  test('says when nobody listens', async () => {
    const server = await startTestServer(() => undefined);
    await server[Symbol.asyncDispose]();
    await using client = createCertyoClient({ baseUrl: server.url, apiKey: 'k', tenantId: 't' });
    await expect(client.queryRecords()).rejects.toMatchObject({
      name: 'DeliveryConnectionError',
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test('rejects with the reason of the signal, unwrapped', async () => {
    await withServer(
      () => undefined,
      async (client) => {
        const reason = { why: 'mine' };
        await expect(client.queryRecords({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(
          reason,
        );
        const controller = new AbortController();
        const pending = client.queryRecords({}, { signal: controller.signal });
        setTimeout(() => controller.abort(reason), 20);
        await expect(pending).rejects.toBe(reason);
      },
    );
  });

  test('I12: leaves no listener on the signal, however many calls run at once', async () => {
    const warnings: Error[] = [];
    // Of Node itself, or of what an earlier test did, there may be others.
    const onWarning = (warning: Error): void => {
      if (warning.name === 'MaxListenersExceededWarning') warnings.push(warning);
    };
    process.on('warning', onWarning);
    try {
      await withServer(
        (_request, response) => reply(response, 200, { items: [] }),
        async (client) => {
          const { signal } = new AbortController();
          let listeners = 0;
          const add = signal.addEventListener.bind(signal);
          const remove = signal.removeEventListener.bind(signal);
          signal.addEventListener = (...args: Parameters<typeof add>): void => {
            listeners += 1;
            add(...args);
          };
          signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
            listeners -= 1;
            remove(...args);
          };
          await Promise.all(
            Array.from({ length: 30 }, async () => client.queryRecords({}, { signal })),
          );
          expect(listeners).toBe(0);
        },
      );
    } finally {
      process.off('warning', onWarning);
    }
    expect(warnings).toEqual([]);
  });

  test('asks a key function before every request, for rotation', async () => {
    await using emulator = await startCertyoEmulator();
    emulator.keys.add({ key: 'second', tenantId: emulator.tenantId });
    let key = emulator.apiKey;
    const apiKey = async (): Promise<string> => Promise.resolve(key);
    await using client = createCertyoClient({ env: { ...emulator.environment }, apiKey });
    await client.queryRecords();
    emulator.keys.remove(emulator.apiKey);
    await expect(client.queryRecords()).rejects.toMatchObject({ code: 'API_KEY_REFUSED' });
    key = 'second';
    await client.queryRecords();
    key = 'a\nb';
    await expect(client.queryRecords()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('a key function that fails or hangs is a failure before anything was sent', async () => {
    const baseUrl = 'http://127.0.0.1:9';
    const failing = createCertyoClient({
      baseUrl,
      tenantId: 't',
      apiKey: () => Promise.reject(new Error('canary')),
    });
    const error: unknown = await failing.queryRecords().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code: 'API_KEY_UNAVAILABLE' } });
    expect(String((error as Error).cause)).not.toContain('canary');
    const hanging = createCertyoClient({
      baseUrl,
      tenantId: 't',
      timeoutMs: 30,
      apiKey: () => new Promise<string>(() => undefined),
    });
    await expect(hanging.queryRecords()).rejects.toMatchObject({ code: 'DELIVERY_TIMEOUT' });
  });

  test('H-17: a keep-alive connection that the server has closed does no harm', async () => {
    await using server = await startTestServer((_request, response) => {
      response.setHeader('connection', 'keep-alive');
      reply(response, 200, { items: [] });
      setImmediate(() => response.socket?.destroy());
    });
    await using client = createCertyoClient({ baseUrl: server.url, apiKey: 'k', tenantId: 't' });
    await client.queryRecords();
    await expect.poll(async () => (await client.queryRecords()).items).toEqual([]);
  });
});
