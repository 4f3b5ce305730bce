import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { TLSSocket } from 'node:tls';

import { createCertificates, type PostgresServer, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';

import { connect } from './connect.ts';
import { openSocket } from './open-socket.ts';
import { resolveConnection } from './resolve-connection.ts';

const { signal } = new AbortController();

/** Somebody in between who ends TLS with a certificate of their own and passes everything on. */
async function startImpostor(server: PostgresServer): Promise<Server> {
  const { cert, key } = (await createCertificates()).server;
  const upstream = resolveConnection(
    { host: 'localhost', port: server.port, user: 'postgres', tls: { mode: 'require' } },
    {},
  );
  const impostor = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, cert, key });
      secure.on('error', () => {});
      void openSocket(upstream, signal).then((real) => {
        real.on('error', () => {});
        secure.pipe(real);
        real.pipe(secure);
      });
    });
  });
  impostor.listen(0, '127.0.0.1');
  await once(impostor, 'listening');
  return impostor;
}

describe('channel binding', () => {
  test('an impostor cannot pass the login on, not even where certificates are not verified', async () => {
    await using server = await startPostgres({
      major: inject('postgresMajor'),
      tls: true,
      password: 'pw',
    });
    const impostor = await startImpostor(server);
    const login = async (binding: string): Promise<void> => {
      const { port } = impostor.address() as AddressInfo;
      const connection = resolveConnection(
        `postgresql://postgres:pw@127.0.0.1:${String(port)}/postgres?sslmode=require&channel_binding=${binding}`,
        {},
      );
      await (await connect(connection, { signal })).end();
    };
    try {
      // The impostor works: without binding nobody notices it.
      await login('disable');
      for (const binding of ['prefer', 'require'])
        await expect(login(binding)).rejects.toMatchObject({ code: 'SOURCE_LOGIN_REFUSED' });
    } finally {
      impostor.close();
    }
  });
});
