import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestDatabase } from '@certyo-cdc/testing';
import { urlVia } from './proxied.ts';

export interface FakePooler extends AsyncDisposable {
  /** Sends an error to all clients that nobody has asked for. */
  sendError(severity: string, code: string): void;
  /** The database through the pooler. */
  readonly url: string;
  /** Notifications that it has swallowed. */
  readonly swallowed: number;
}

const SSL_REQUEST = 80_877_103;
const NOTIFICATION = 'A'.charCodeAt(0);

/**
 * What a transaction pooler does to notifications, in front of a real server: LISTEN succeeds, and what is sent never
 * reaches the client, because its server connection is by then nobody's or somebody else's.
 */
export async function fakeTransactionPooler(
  database: Pick<TestDatabase, 'host' | 'port' | 'url'>,
  options: { readonly swallows?: boolean } = {},
): Promise<FakePooler> {
  let swallowed = 0;
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: database.host, port: database.port });
    clients.add(client);
    client.on('close', () => clients.delete(client));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let isFirst = true;
    client.on('data', (data) => {
      if (isFirst && data.length === 8 && data.readInt32BE(4) === SSL_REQUEST) {
        client.write('N');
        return;
      }
      isFirst = false;
      upstream.write(data);
    });
    let rest = Buffer.alloc(0);
    upstream.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
        const length = rest.readInt32BE(1) + 1;
        const message = rest.subarray(0, length);
        rest = rest.subarray(length);
        if (message[0] === NOTIFICATION && options.swallows !== false) swallowed += 1;
        else client.write(message);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    url: urlVia(database.url, port),
    get swallowed() {
      return swallowed;
    },
    sendError(severity, code) {
      const fields = Buffer.from(`S${severity}\0V${severity}\0C${code}\0Mmade by a test\0\0`);
      const head = Buffer.from([0x45, 0, 0, 0, 0]);
      head.writeInt32BE(fields.length + 4, 1);
      for (const client of clients) client.write(Buffer.concat([head, fields]));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
