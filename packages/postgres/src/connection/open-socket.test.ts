import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, TLSSocket } from 'node:tls';

import { createCertificates } from '@certyo-cdc/testing';
import { afterEach, describe, expect, test } from 'vitest';

import { openSocket } from './open-socket.ts';
import { resolveConnection } from './resolve-connection.ts';

const PIECES = 40;
const PIECE_BYTES = 300;
const { signal } = new AbortController();

/** Sends piece after piece, each by itself, as a walsender does. */
async function send(socket: Socket): Promise<void> {
  for (let n = 0; n < PIECES; n += 1) {
    socket.write(Buffer.alloc(PIECE_BYTES, n));
    await sleep(2);
  }
}

describe('openSocket', () => {
  let server: Server;

  afterEach(() => {
    server.close();
  });

  async function open(tls: boolean): Promise<{ socket: Socket; sent: Promise<void> }> {
    const { ca, server: pair } = await createCertificates();
    let begin: (peer: Socket) => void;
    const begun = new Promise<Socket>((resolve) => (begin = resolve));
    server = createServer((peer) => {
      peer.setNoDelay(true);
      if (!tls) return begin(peer);
      peer.once('data', () => {
        peer.write('S');
        const secure = new TLSSocket(peer, {
          isServer: true,
          secureContext: createSecureContext(pair),
        });
        secure.once('secure', () => begin(secure));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const socket = await openSocket(
      resolveConnection(
        { host: '127.0.0.1', port, tls: tls ? { mode: 'verify-full', ca } : { mode: 'disable' } },
        {},
      ),
      signal,
    );
    return { socket, sent: begun.then(send) };
  }

  test.each([
    ['without TLS', false],
    ['with TLS', true],
  ])('a paused socket is left alone: what comes stays with the system, %s', async (_how, tls) => {
    const { sent, socket } = await open(tls);
    let got = 0;
    socket.once('data', (piece: Buffer) => {
      got += piece.length;
      socket.pause();
    });
    await sent;
    const read = socket.bytesRead;
    // What was on its way, and no more.
    expect(socket.readableLength).toBeLessThan((PIECES / 4) * PIECE_BYTES);
    socket.on('data', (piece: Buffer) => (got += piece.length));
    socket.resume();
    await expect.poll(() => got).toBe(PIECES * PIECE_BYTES);
    expect(read).toBeLessThan(socket.bytesRead);
    socket.destroy();
  });
});
