import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import { describe, expect, test } from 'vitest';

import { faultProxy, type FaultProxy } from './fault-proxy.ts';

interface EchoServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly sockets: Socket[];
  /** What the server's side of each connection went through. */
  readonly events: string[];
}

/** Sends back what it gets, with a prefix. */
async function echoServer(prefix: string = ''): Promise<EchoServer> {
  const sockets: Socket[] = [];
  const events: string[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (data) => socket.write(Buffer.concat([Buffer.from(prefix), data])));
    socket.on('end', () => events.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? 'error'));
    socket.on('close', () => events.push('close'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    host: '127.0.0.1',
    port,
    sockets,
    events,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

interface TestClient extends AsyncDisposable {
  readonly socket: Socket;
  readonly events: string[];
  readonly chunks: Buffer[];
  text(): string;
}

async function open({ host, port }: FaultProxy): Promise<TestClient> {
  const socket = connect({ host, port, noDelay: true });
  const events: string[] = [];
  const chunks: Buffer[] = [];
  socket.on('data', (data: Buffer) => chunks.push(data));
  socket.on('end', () => events.push('end'));
  socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code ?? 'error'));
  socket.on('close', () => events.push('close'));
  await once(socket, 'connect');
  return {
    socket,
    events,
    chunks,
    text: () => Buffer.concat(chunks).toString('utf8'),
    async [Symbol.asyncDispose](): Promise<void> {
      socket.destroy();
    },
  };
}

const turn = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};

describe('faultProxy', () => {
  test('passes bytes both ways and counts them and the connections', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    await using second = await open(proxy);
    const sent = 'x'.repeat(3_000_000);
    client.socket.write(sent);
    second.socket.write('y');
    await expect.poll(() => client.text().length).toBe(sent.length);
    await expect.poll(() => second.text()).toBe('y');
    expect(client.text()).toBe(sent);
    expect([proxy.connections, proxy.accepted]).toEqual([2, 2]);
    expect([proxy.bytesToClient, proxy.bytesToTarget]).toEqual([3_000_001, 3_000_001]);
    client.socket.end();
    await expect.poll(() => proxy.connections).toBe(1);
    expect(proxy.accepted).toBe(2);
  });

  test('passes the end of one direction on and leaves the other open', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    client.socket.end('last words');
    await expect.poll(() => client.text()).toBe('last words');
    await expect.poll(() => client.events).toEqual(['end', 'close']);
    expect(echo.events).toEqual(['end', 'close']);
  });

  test('delays bytes without limiting how many are on their way', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    proxy.set({ latencyMs: 200 });
    const began = performance.now();
    for (let index = 0; index < 50; index += 1) {
      client.socket.write('x');
      await turn(5);
    }
    await expect.poll(() => client.text().length).toBe(50);
    const tookMs = performance.now() - began;
    // There and back is 400 after the last; one after the other they would take 10,000.
    expect(tookMs).toBeGreaterThan(395);
    expect(tookMs).toBeLessThan(9000);
  });

  test('limits bytes per second', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    proxy.set({ bytesPerSecond: 20_000 });
    const began = performance.now();
    client.socket.write('z'.repeat(6_000));
    await expect.poll(() => client.text().length).toBe(6_000);
    expect(performance.now() - began).toBeGreaterThan(250);
  });

  test('a black hole holds bytes and ends back and loses none of them', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    client.socket.write('before ');
    await expect.poll(() => client.text()).toBe('before ');
    proxy.set({ blackhole: 'both' });
    client.socket.write('during ');
    await turn(60);
    expect(proxy.bytesToTarget).toBe(7);
    // Half-open: the server's side dies and the client does not come to know.
    echo.sockets[0]?.destroy();
    await turn(60);
    expect(client.events).toEqual([]);
    await proxy.heal();
    await expect.poll(() => client.events.at(-1)).toBe('close');
    expect(client.text()).toBe('before ');
  });

  test('a black hole begins in the middle of what is on its way', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    proxy.set({ bytesPerSecond: 20_000 });
    client.socket.write('z'.repeat(600_000));
    await expect.poll(() => proxy.bytesToTarget).toBeGreaterThan(1000);
    proxy.set({ blackhole: 'both', bytesPerSecond: false });
    // The piece that was being written when it began.
    await turn(100);
    const passed = proxy.bytesToTarget;
    expect(passed).toBeLessThan(600_000);
    await turn(200);
    expect(proxy.bytesToTarget).toBe(passed);
    await proxy.heal();
    await expect.poll(() => client.text().length).toBe(600_000);
  });

  test('I7: a sender whose bytes are held back is held back too', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    proxy.set({ blackhole: 'toTarget' });
    client.socket.write(Buffer.alloc(50_000_000));
    await turn(500);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    await proxy.heal();
    await expect.poll(() => proxy.bytesToTarget).toBe(50_000_000);
  });

  test('a black hole in one direction lets the other pass, and what was held flows on', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    proxy.set({ blackhole: 'toClient' });
    client.socket.write('one');
    await expect.poll(() => proxy.bytesToTarget).toBe(3);
    client.socket.write('two');
    await expect.poll(() => proxy.bytesToTarget).toBe(6);
    expect(client.text()).toBe('');
    await proxy.heal();
    await expect.poll(() => client.text()).toBe('onetwo');
  });

  test('resets open connections on both sides', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    client.socket.write('a');
    await expect.poll(() => client.text()).toBe('a');
    expect(proxy.reset()).toBe(1);
    await expect.poll(() => client.events).toEqual(['ECONNRESET', 'close']);
    await expect.poll(() => echo.events).toEqual(['ECONNRESET', 'close']);
    expect(proxy.connections).toBe(0);
  });

  test('refuses new connections, leaves open ones and listens again on the same port', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    await proxy.refuse();
    await expect(open(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    client.socket.write('still here');
    await expect.poll(() => client.text()).toBe('still here');
    await proxy.accept();
    await using late = await open(proxy);
    late.socket.write('again');
    await expect.poll(() => late.text()).toBe('again');
  });

  test.each([
    ['reset', ['ECONNRESET', 'close']],
    ['close', ['end', 'close']],
    ['blackhole', []],
  ] as const)('cuts after exactly so many bytes by %s', async (how, events) => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    client.socket.write('1234');
    await expect.poll(() => client.text()).toBe('1234');
    proxy.cutAfter(5, { direction: 'toTarget', how });
    client.socket.write('567890');
    await expect.poll(() => client.events).toEqual(events);
    await expect.poll(() => proxy.bytesToTarget).toBe(9);
    await turn(30);
    expect(proxy.bytesToTarget).toBe(9);
    // Another connection is not concerned.
    await using other = await open(proxy);
    other.socket.write('fine');
    await expect.poll(() => other.text()).toBe('fine');
  });

  test('splits writes into single bytes that arrive one by one', async () => {
    await using echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    proxy.set({ chunkBytes: 1 });
    const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(4);
    client.socket.write(text);
    await expect.poll(() => client.text()).toBe(text);
    expect(client.chunks.length).toBeGreaterThan(text.length / 2);
  });

  test('resets the client when the target refuses', async () => {
    const echo = await echoServer();
    await using proxy = await faultProxy({ target: echo });
    await echo[Symbol.asyncDispose]();
    await using client = await open(proxy);
    await expect.poll(() => client.events).toEqual(['ECONNRESET', 'close']);
    expect(proxy.connections).toBe(0);
  });

  test('sends new connections to another target', async () => {
    await using first = await echoServer('first:');
    await using second = await echoServer('second:');
    await using proxy = await faultProxy({ target: first });
    await using before = await open(proxy);
    before.socket.write('a');
    await expect.poll(() => before.text()).toBe('first:a');
    proxy.retarget(second);
    await using after = await open(proxy);
    after.socket.write('b');
    before.socket.write('c');
    await expect.poll(() => after.text()).toBe('second:b');
    await expect.poll(() => before.text()).toBe('first:afirst:c');
  });

  test('closes all connections when it is disposed of', async () => {
    await using echo = await echoServer();
    const proxy = await faultProxy({ target: echo });
    await using client = await open(proxy);
    await proxy[Symbol.asyncDispose]();
    await expect.poll(() => client.events.at(-1)).toBe('close');
    await expect(open(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(proxy.connections).toBe(0);
  });

  test('names what is wrong with its options', async () => {
    await expect(faultProxy({ target: { host: '127.0.0.1', port: 0 } })).rejects.toThrow(
      'Expected `target.port` to be a port, got `0` (number).',
    );
    await using proxy = await faultProxy({ target: { host: '127.0.0.1', port: 9 } });
    expect(() => proxy.set({ latencyMs: -1 })).toThrow(
      'Expected `latencyMs` to be a positive finite number or false, got `-1` (number).',
    );
    const unknown: object = { delay: 5 };
    expect(() => proxy.set(unknown)).toThrow('Unknown fault `delay`. Known are latencyMs,');
    expect(() => proxy.cutAfter(-1)).toThrow('Expected `bytes` to be a number of bytes');
  });
});
