import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readBody, RequestAbortedError } from './request-body.ts';

async function received(
  body: string,
  contentLength: number,
): Promise<[IncomingMessage, () => void]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`POST / HTTP/1.1\r\nHost: e\r\nContent-Length: ${contentLength}\r\n\r\n${body}`);
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  return [request, () => socket.destroy()];
}

describe('readBody', () => {
  test('reads all of it, up to the limit', async () => {
    const [request] = await received('12345', 5);
    expect((await readBody(request, 5))?.toString()).toBe('12345');
    const [larger] = await received('12345', 5);
    expect(await readBody(larger, 4)).toBeNull();
  });

  test('rejects when the client goes away before the end', async () => {
    const [request, leave] = await received('123', 5);
    const reading = readBody(request, 100).catch((error: unknown) => error);
    leave();
    expect(await reading).toBeInstanceOf(RequestAbortedError);
  });
});
