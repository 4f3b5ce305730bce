import { SourceConnectionError } from '@certyo-cdc/core';

import { describePostgresError, redactPostgresError } from './describe-postgres-error.ts';
import { serverErrorFields } from './postgres-error.ts';

type ConnectionCode = SourceConnectionError['code'];

/** PostgreSQL documentation, appendix A. */
const UNREACHABLE_STATES: readonly string[] = [
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '53300', // too_many_connections
  '25P03', // idle_in_transaction_session_timeout
];

const LOGIN_STATES: readonly string[] = [
  '3D000', // the database does not exist
  '57P04', // database_dropped
];

const UNREACHABLE_CODES: readonly string[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ENOTCONN',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_SOCKET_CLOSED',
];

const SOCKET_CALLS: readonly string[] = ['connect', 'getaddrinfo'];

/** OpenSSL's verification results, as Node names them. */
const CERTIFICATE_CODE =
  /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_CERT_|CRL_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|HOSTNAME_MISMATCH$|EPROTO$|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/;

/**
 * Tells by SQLSTATE or Node's error code, never by text, whether an error means that the connection was lost, refused or
 * is in use, and wraps it then. Undefined for every other error.
 */
export function classifyPostgresError(error: unknown): SourceConnectionError | undefined {
  if (error instanceof SourceConnectionError) return error;
  const code = connectionCode(error);
  if (code === undefined) return undefined;
  return new SourceConnectionError(code, `${OPENING[code]}: ${describePostgresError(error)}.`, {
    cause: redactPostgresError(error),
    remedy: REMEDY[code],
  });
}

const REMEDY: Readonly<Partial<Record<ConnectionCode, string>>> = {
  SOURCE_UNREACHABLE: 'When it lasts, check host and port, that the server runs, and the firewall.',
  SOURCE_LOGIN_REFUSED: 'Check user, password and database, and pg_hba.conf.',
};

const OPENING: Readonly<Record<ConnectionCode, string>> = {
  SOURCE_UNREACHABLE: 'The connection to PostgreSQL could not be made or was lost',
  SOURCE_LOGIN_REFUSED: 'PostgreSQL refused the login',
  SOURCE_TLS: 'The TLS handshake with PostgreSQL failed',
  SOURCE_BUSY: 'PostgreSQL says that the object is in use',
};

function connectionCode(error: unknown): ConnectionCode | undefined {
  const fields = serverErrorFields(error);
  if (fields !== null) {
    const { code } = fields;
    if (code === '55006') return 'SOURCE_BUSY';
    if (code.startsWith('28') || LOGIN_STATES.includes(code)) return 'SOURCE_LOGIN_REFUSED';
    if (code === '08P01') return undefined;
    if (code.startsWith('08') || UNREACHABLE_STATES.includes(code)) return 'SOURCE_UNREACHABLE';
    return undefined;
  }
  return networkCode(error);
}

function networkCode(error: unknown): ConnectionCode | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (UNREACHABLE_CODES.includes(code)) return 'SOURCE_UNREACHABLE';
  // EPROTO comes from TLS; every other failed call on a socket (ENOENT of a Unix socket) is about the way there.
  if (CERTIFICATE_CODE.test(code)) return 'SOURCE_TLS';
  if ('syscall' in error && SOCKET_CALLS.includes(String(error.syscall)))
    return 'SOURCE_UNREACHABLE';
  // Several addresses were tried, each with its own error.
  if (error instanceof AggregateError)
    for (const inner of error.errors) {
      const found = networkCode(inner);
      if (found !== undefined) return found;
    }
  return undefined;
}
