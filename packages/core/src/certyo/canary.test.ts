import { inspect } from 'node:util';

import { startCertyoEmulator, type CertyoFault } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { secret } from '../internal/secret.ts';
import { recordMapper } from '../mapper/record-mapper.ts';
import { createCertyoClient } from './certyo-client.ts';
import { certyoSink } from './certyo-sink.ts';
import type { CertyoClientOptions } from './client-options.ts';
import { rowChange } from './test-event.ts';
import { startTestServer, type TestHandler } from './test-server.ts';

const KEY = 'canary-secret-key-4711';
const VALUE = 'canary-value-4712';
const { signal } = new AbortController();

/** Everything that a log of a value could show, stacks and hidden members included. */
function printed(value: unknown): string {
  const seen = inspect(value, { showHidden: true, depth: 12, getters: true, showProxy: true });
  let json = '';
  try {
    json = JSON.stringify(value);
  } catch {
    // A cycle; inspect has shown it.
  }
  return `${seen}\n${String(value)}\n${json}`;
}

function expectClean(value: unknown): void {
  const text = printed(value);
  expect(text).not.toContain(KEY);
  expect(text).not.toContain(VALUE);
}

/** The errors of one and of two records that carry the canary value, and of calls that carry it elsewhere. */
async function errorsFor(options: CertyoClientOptions): Promise<readonly unknown[]> {
  await using client = createCertyoClient({ tenantId: 'tenant', apiKey: KEY, ...options });
  const sink = certyoSink({ client });
  expectClean(client);
  expectClean(sink);
  const items = ['1', '2'].flatMap((id) =>
    sink.prepare(rowChange({ key: { id }, after: { id, note: VALUE } })).map(({ item }) => item),
  );
  const verdicts = [
    ...(await sink.deliver(items.slice(0, 1), { attempt: 1, signal })),
    ...(await sink.deliver(items, { attempt: 1, signal })),
  ];
  const errors: unknown[] = verdicts.filter((verdict) => verdict.type !== 'delivered');
  const record = {
    database: 'd',
    collection: 'c',
    recordId: VALUE,
    recordPayload: { note: VALUE },
  };
  for (const call of [
    async () => client.ingestRecord(record),
    async () => client.ingestRecord(Object.assign({ [VALUE]: VALUE }, record)),
    async () => client.ingestRecord({ ...record, operationType: VALUE as 'insert' }),
    async () => client.queryRecords({ recordId: VALUE }),
    async () => client.verifyRecord({ ...record, payload: { note: VALUE } }),
  ]) {
    await call().catch((error: unknown) => errors.push(error));
  }
  return errors;
}

describe('I11: neither key nor value is in an error', () => {
  const faults: readonly CertyoFault[] = [
    { kind: 'reject', scope: 'request', count: false },
    { kind: 'reject', scope: 'record', count: false },
    { kind: 'fail-after-accept', count: false },
    { kind: 'hold', count: false },
    { kind: 'partial', mode: 'reject', count: false },
    { kind: 'partial', mode: 'omit', count: false },
    { kind: 'garbage', body: 'html', count: false },
    { kind: 'garbage', body: 'truncated', count: false },
    { kind: 'redirect', status: 307, location: `https://example.org/${VALUE}`, count: false },
    { kind: 'rate-limit', retryAfter: 'text', count: false },
    ...[400, 401, 403, 404, 409, 413, 500, 503].map((status): CertyoFault => ({
      kind: 'status',
      status,
      count: false,
    })),
    { kind: 'down' },
  ];
  test.each(faults)('from the emulator: $kind', async (fault) => {
    await using emulator = await startCertyoEmulator({
      keys: [{ key: KEY, tenantId: 'tenant' }],
    });
    const handle = emulator.faults.add(fault);
    const errors = await errorsFor({ baseUrl: emulator.url, timeoutMs: 100 });
    expect(errors.length).toBeGreaterThan(0);
    for (const error of errors) expectClean(error);
    await handle.remove();
  });

  const echo: readonly (readonly [string, TestHandler])[] = [
    ['its body', (request, response) => response.writeHead(400).end(request.body + KEY)],
    ['200 and its body', (request, response) => response.writeHead(200).end(request.body + KEY)],
    [
      'its body as JSON',
      (request, response) => {
        const type = { 'content-type': 'application/json' };
        response
          .writeHead(422, type)
          .end(JSON.stringify({ error: { code: VALUE, got: request.body } }));
      },
    ],
    [
      'headers',
      (_request, response) => {
        const headers = { 'x-correlation-id': `${VALUE} ${KEY}`, 'retry-after': VALUE };
        response.writeHead(503, headers).end();
      },
    ],
    [
      'bytes that are no HTTP',
      (request, response) => void response.socket?.end(`${request.body}${KEY}\r\n\r\n`),
    ],
    ['a reset', (_request, response) => void response.socket?.resetAndDestroy()],
  ];
  test.each(echo)('from a server that echoes %s', async (_name, handler) => {
    await using server = await startTestServer(handler);
    const errors = await errorsFor({ baseUrl: server.url });
    expect(errors.length).toBeGreaterThan(5);
    for (const error of errors) expectClean(error);
  });

  test.each<readonly [string, CertyoClientOptions['apiKey']]>([
    ['a Secret', secret(KEY)],
    ['a function', () => KEY],
    ['a function that throws it', () => Promise.reject(new Error(KEY))],
    ['a function that gives what is no key', () => `${KEY}\n`],
  ])('with the key as %s', async (_name, apiKey) => {
    await using server = await startTestServer((request, response) => {
      response.writeHead(401).end(request.body);
    });
    const errors = await errorsFor({ baseUrl: server.url, apiKey });
    expect(errors.length).toBeGreaterThan(5);
    for (const error of errors) expectClean(error);
  });

  test('in what the sink itself refuses', () => {
    const mapper = recordMapper({
      'public.orders': {
        payload: (row) => ({ note: row['note'] ?? null, at: new Date(0) as unknown as string }),
      },
    });
    const sink = certyoSink({ apiKey: KEY, tenantId: 'tenant', mapper });
    let caught: unknown;
    try {
      sink.prepare(rowChange({ after: { id: 1, note: VALUE } }));
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'MAPPING_FAILED' });
    expectClean(caught);
  });
});
