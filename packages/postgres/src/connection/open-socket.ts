import { once } from 'node:events';
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';

import { ConfigurationError, SourceConnectionError } from '@certyo-cdc/core';

import { withEitherSignal } from '../internal/either-signal.ts';
import { classifyPostgresError } from '../sqlstate/classify-postgres-error.ts';
import { describePostgresError } from '../sqlstate/describe-postgres-error.ts';
import type { ResolvedConnection, ResolvedTls } from './connection-options.ts';
import { isSocketPath } from './resolve-tls.ts';

/** SSLRequest (PostgreSQL documentation, 53.7): length 8, code 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Node would read on for a while into a socket that is paused, and so in the small pieces that a pause is to avoid. A TLS
 * socket reads for itself, not through the socket below it, and knows only the name without a direction.
 */
const STOPS_AT_ONCE = { readableHighWaterMark: 1 };
const TLS_STOPS_AT_ONCE = { highWaterMark: 1 };

/**
 * Opens a socket to the server and negotiates TLS, up to where the start-up packet goes. We do it ourselves, because
 * node-postgres has no `prefer`, overrides the server name, and takes the modes to mean something else than libpq.
 */
export async function openSocket(
  connection: ResolvedConnection,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = dial(connection);
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await once(socket, 'connect', { signal });
    if (connection.tls.mode === 'disable') return socket;
    return await negotiate(socket, connection, signal);
  } catch (error) {
    // Errors that follow the first one have nobody to go to.
    socket.on('error', () => {});
    socket.destroy();
    signal.throwIfAborted();
    throw classifyPostgresError(error) ?? error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function dial(connection: ResolvedConnection): Socket {
  const { host, address, port } = connection;
  if (address === null && isSocketPath(host)) {
    const path = `${host}/.s.PGSQL.${String(port)}`;
    return connectSocket({
      path: path.startsWith('@') ? `\0${path.slice(1)}` : path,
      ...STOPS_AT_ONCE,
    });
  }
  const socket = connectSocket({
    host: address ?? host,
    port,
    noDelay: true,
    ...STOPS_AT_ONCE,
  });
  if (connection.keepAliveMs !== false) socket.setKeepAlive(true, connection.keepAliveMs);
  return socket;
}

async function negotiate(
  socket: Socket,
  connection: ResolvedConnection,
  signal: AbortSignal,
): Promise<Socket> {
  const answer = await ask(socket, signal);
  if (answer === 'N') {
    if (connection.tls.mode === 'prefer') return socket;
    throw new SourceConnectionError('SOURCE_TLS', 'The server offers no TLS.', {
      remedy: `Set ssl = on on the server; TLS mode is \`${connection.tls.mode}\`.`,
    });
  }
  if (answer !== 'S')
    throw new SourceConnectionError(
      'SOURCE_TLS',
      'What answers at this address does not speak the PostgreSQL protocol.',
      { remedy: 'Check host and port.' },
    );
  return await handshake(socket, connection, signal);
}

/** One byte and no more: what came unencrypted behind it could be an attacker's (CVE-2021-23222). */
async function ask(socket: Socket, signal: AbortSignal): Promise<string> {
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  socket.once('close', end);
  socket.once('end', end);
  try {
    socket.write(SSL_REQUEST);
    return await withEitherSignal(signal, ended.signal, async (either) => {
      const [data] = (await once(socket, 'data', { signal: either })) as [Buffer];
      return data.toString('latin1');
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!ended.signal.aborted) throw error;
    throw new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      'The server closed the connection when TLS was asked for.',
    );
  } finally {
    socket.off('close', end);
    socket.off('end', end);
  }
}

async function handshake(
  socket: Socket,
  connection: ResolvedConnection,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { tls, host } = connection;
  const [ca, cert, key] = await Promise.all([load(tls.ca), load(tls.cert), load(tls.key)]);
  const name = tls.servername ?? host;
  const secure = connectTls({
    socket,
    ...TLS_STOPS_AT_ONCE,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.passphrase === null ? {} : { passphrase: tls.passphrase.reveal() }),
    // An IP address must not be sent as SNI (RFC 6066, section 3).
    ...(tls.sendServername && isIP(name) === 0 ? { servername: name } : {}),
    minVersion: tls.minVersion,
    rejectUnauthorized: tls.mode === 'verify-ca' || tls.mode === 'verify-full',
    checkServerIdentity: (_asked, certificate) =>
      tls.mode === 'verify-full' ? checkServerIdentity(name, certificate) : undefined,
  });
  try {
    await once(secure, 'secureConnect', { signal });
    return secure;
  } catch (error) {
    secure.on('error', () => {});
    secure.destroy();
    signal.throwIfAborted();
    throw tlsError(error, tls);
  }
}

async function load(loader: ResolvedTls['ca']): Promise<Buffer | undefined> {
  return loader === null ? undefined : await loader();
}

function tlsError(error: unknown, tls: ResolvedTls): unknown {
  if (error instanceof ConfigurationError) return error;
  const known = classifyPostgresError(error);
  if (known?.code === 'SOURCE_UNREACHABLE') return known;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return new SourceConnectionError(
    'SOURCE_TLS',
    `The TLS handshake with PostgreSQL failed: ${describePostgresError(error)}.`,
    { cause: withoutCertificate(error), remedy: tlsRemedy(code, tls) },
  );
}

function tlsRemedy(code: unknown, tls: ResolvedTls): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'Connect by a name in the certificate, or set tls.servername to it.';
  if (code === 'CERT_HAS_EXPIRED') return 'Renew the certificate of the server.';
  return tls.ca === null
    ? 'Give the CA of the server in tls.ca.'
    : 'Check that tls.ca is the CA of the server, and tls.cert and tls.key belong together.';
}

/** Node hangs the whole certificate on the error of a wrong name. */
function withoutCertificate(error: unknown): unknown {
  if (!(error instanceof Error) || !('cert' in error)) return error;
  const { message } = error;
  const code = 'code' in error ? error.code : undefined;
  return Object.assign(new Error(message), { code });
}
