import { describe, expect, test } from 'vitest';
import { startCertyoEmulator } from './start-certyo-emulator.ts';
import { call, record } from './test-client.ts';

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

function control(url: string | null): (route: string, body?: object | string) => Promise<Answer> {
  return async (route, body) => {
    const [method = 'GET', path = ''] = route.split(' ');
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const response = await fetch(`${url}${path}`, {
      method,
      ...(text === undefined ? {} : { body: text }),
    });
    return { status: response.status, json: await response.json() };
  };
}

describe('control endpoint', () => {
  test('is off unless asked for', async () => {
    await using emulator = await startCertyoEmulator();
    expect(emulator.controlUrl).toBeNull();
    expect((await fetch(`${emulator.url}/__emulator/status`)).status).toBe(404);
  });

  test('another process reads effects page by page, without losing a digit', async () => {
    await using emulator = await startCertyoEmulator({ controlPort: 0 });
    const ask = control(emulator.controlUrl);
    const payload = '{"n":1.000000000000000000001}';
    const text = JSON.stringify(record()).replace('{"id":1001}', payload);
    await call(emulator, 'POST', '/records/bulk', `[${text},${text},${text}]`);

    const first = await ask('GET /records?limit=2');
    const rest = await ask('GET /records?after=2');

    expect(first.json).toMatchObject({ items: [{ payload }, { sequence: 2 }], nextAfter: 2 });
    expect(rest.json).toMatchObject({ items: [{ sequence: 3 }], nextAfter: 3 });
    expect((await ask('GET /status')).json).toMatchObject({ counters: { effects: 3 } });
    expect((await ask('GET /requests')).json).toMatchObject({ items: [{ recordCount: 3 }] });
    expect((await ask('GET /digests')).json).toEqual({ digests: {} });
  });

  test('another process adds, lists and removes faults, also when the port is closed', async () => {
    await using emulator = await startCertyoEmulator({ controlPort: 0 });
    const ask = control(emulator.controlUrl);

    const added = await ask('POST /faults', { kind: 'status', status: 503, count: 3 });
    expect((await call(emulator, 'GET', '/records')).status).toBe(503);
    const { id } = added.json as { id: string };
    expect((await ask('GET /faults')).json).toMatchObject({
      items: [{ id, kind: 'status', hits: 1, remaining: 2 }],
    });
    expect((await ask(`DELETE /faults/${id}`)).json).toMatchObject({ hits: 1 });
    expect((await ask(`DELETE /faults/${id}`)).status).toBe(404);
    expect((await call(emulator, 'GET', '/records')).status).toBe(200);

    await ask('POST /faults', { kind: 'down' });
    await expect(call(emulator, 'GET', '/records')).rejects.toThrow();
    await ask('DELETE /faults');
    expect((await call(emulator, 'GET', '/records')).status).toBe(200);
  });

  test('another process moves the clock and waits for anchoring', async () => {
    await using emulator = await startCertyoEmulator({ controlPort: 0 });
    const ask = control(emulator.controlUrl);
    await call(emulator, 'POST', '/records', record());

    const waiting = ask('POST /wait-until-anchored');
    await ask('POST /close-batches');
    await ask('POST /clock', { advanceMs: 15_000 });

    expect((await waiting).json).toMatchObject({ counters: { anchored: 1, pending: 0 } });
  });

  test.each([
    ['POST /faults', { kind: 'explode' }, 'Expected `fault.kind`'],
    ['POST /clock', { advanceMs: -1 }, 'advanceMs must be'],
    ['POST /clock', '[]', 'must be a JSON object'],
    ['POST /clock', '{', 'not valid JSON'],
    ['GET /records?limit=x', undefined, 'must be integers'],
  ])('%s with %j is refused with 400', async (route, body, message) => {
    await using emulator = await startCertyoEmulator({ controlPort: 0 });
    const answer = await control(emulator.controlUrl)(route, body);
    expect(answer).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining(message) },
    });
  });
});
