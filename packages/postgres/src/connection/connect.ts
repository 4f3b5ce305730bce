import { SourceConnectionError, SourceSetupError } from '@certyo-cdc/core';
import pg from 'pg';

import { withEitherSignal } from '../internal/either-signal.ts';
import { classifyPostgresError } from '../sqlstate/classify-postgres-error.ts';
import { describePostgresError, redactPostgresError } from '../sqlstate/describe-postgres-error.ts';
import { serverErrorFields } from '../sqlstate/postgres-error.ts';
import { requireChannelBinding } from './channel-binding.ts';
import type { ResolvedConnection } from './connection-options.ts';
import { openSocket } from './open-socket.ts';
import { differingPins, readPinsSql, startupOptions } from './pinned-settings.ts';
import { queryText } from './text-query.ts';

/** How `connect` opens a connection. */
export interface ConnectOptions {
  /** True for a connection that takes replication commands besides plain SQL (`replication=database`). @default false */
  readonly replication?: boolean | undefined;
  /** @default the connection's own */
  readonly applicationName?: string | undefined;
  /** Time after which the server cancels a statement, whatever the role's own setting. @default none */
  readonly statementTimeoutMs?: number | undefined;
  /**
   * False leaves the start-up options out, for a pooler that refuses them: values are then only safe to read within
   * `withPinnedSettings`. @default true
   */
  readonly pinSettings?: boolean | undefined;
  readonly signal: AbortSignal;
}

/**
 * Opens one connection with the settings pinned under which text output is unambiguous, and checks that they are in
 * force. Values are handed over as text. The client never throws an unhandled `error` event.
 *
 * Rejects with `SourceConnectionError` (`retryable` says whether trying again may help), with `SourceSetupError` when the
 * role or a pooler stands in the way, with `ConfigurationError`, or with `signal.reason`.
 */
export async function connect(
  connection: ResolvedConnection,
  options: ConnectOptions,
): Promise<pg.Client> {
  const { signal } = options;
  signal.throwIfAborted();
  const deadline = new AbortController();
  const timer =
    connection.connectTimeoutMs === false
      ? undefined
      : setTimeout(() => {
          deadline.abort();
        }, connection.connectTimeoutMs);
  try {
    return await withEitherSignal(signal, deadline.signal, (either) =>
      login(connection, options, either),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.signal.aborted)
      throw new SourceConnectionError(
        'SOURCE_UNREACHABLE',
        `The connection to PostgreSQL was not ready within ${String(connection.connectTimeoutMs)} ms (connectTimeoutMs).`,
      );
    throw explain(error, connection, options);
  } finally {
    clearTimeout(timer);
  }
}

async function login(
  connection: ResolvedConnection,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<pg.Client> {
  const socket = await openSocket(connection, signal);
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  const isEncrypted = 'encrypted' in socket;
  // The socket is connected already; node-postgres asks it to connect and waits for the event.
  socket.connect = (() => {
    queueMicrotask(() => socket.emit('connect'));
    return socket;
  }) as typeof socket.connect;

  let passwordError: unknown;
  const client = new pg.Client({
    stream: () => socket,
    // Everything is named, here and below, since node-postgres takes what is missing from PG* variables.
    host: connection.host,
    port: connection.port,
    user: connection.user,
    database: connection.database,
    ssl: false,
    application_name: options.applicationName ?? connection.applicationName,
    enableChannelBinding: isEncrypted && connection.tls.channelBinding !== 'disable',
    keepAlive: connection.keepAliveMs !== false,
    keepAliveInitialDelayMillis: connection.keepAliveMs === false ? 0 : connection.keepAliveMs,
    password: async () => {
      try {
        const password = await connection.password();
        if (password !== null && password !== '') return password;
      } catch (error) {
        passwordError = error;
        throw error;
      }
      passwordError = new SourceConnectionError(
        'SOURCE_LOGIN_REFUSED',
        `PostgreSQL asks for the password of user ${JSON.stringify(connection.user)}, and none is given.`,
        { remedy: 'Set connection.password, PGPASSWORD, or a line in the password file.' },
      );
      throw passwordError;
    },
  } as pg.ClientConfig);
  Object.assign(
    (client as unknown as { readonly connectionParameters: object }).connectionParameters,
    {
      options: options.pinSettings === false ? connection.serverOptions : pins(connection, options),
      replication: options.replication === true ? 'database' : undefined,
    },
  );
  // D-07: without a listener, an error of an idle connection would end the process.
  client.on('error', () => {});
  let bindingError: SourceConnectionError | undefined;
  if (connection.tls.channelBinding === 'require')
    requireChannelBinding(client, (error) => {
      bindingError = error;
      socket.destroy();
    });
  try {
    await client.connect();
    if (options.pinSettings !== false) await verifyPins(client, options);
    return client;
  } catch (error) {
    socket.destroy();
    throw bindingError ?? passwordError ?? error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function pins(connection: ResolvedConnection, options: ConnectOptions): string {
  const { statementTimeoutMs } = options;
  return startupOptions(
    {
      statement_timeout: String(
        statementTimeoutMs === undefined ? 0 : Math.ceil(statementTimeoutMs),
      ),
    },
    connection.serverOptions,
  );
}

/** A pooler may be told to drop start-up options (`ignore_startup_parameters`), in silence. */
async function verifyPins(client: pg.Client, options: ConnectOptions): Promise<void> {
  const { rows } = await queryText(client, readPinsSql());
  const differing = differingPins(rows[0] ?? {});
  if (differing.length > 0)
    throw poolerInTheWay(`It did not apply ${differing.join(', ')}`, options);
}

/** What a pooler refuses to plain SQL can be done by `SET LOCAL`; the session looks for this error. */
export class PoolerError extends SourceSetupError {}

function poolerInTheWay(observed: string, options: ConnectOptions, cause?: unknown): PoolerError {
  return new PoolerError(
    `The settings that make values unambiguous cannot be pinned: a connection pooler such as PgBouncer is in the way. ${observed}.`,
    {
      cause,
      remedy:
        options.replication === true
          ? 'Connect replication to PostgreSQL itself, not to the pooler.'
          : 'Connect to PostgreSQL itself, or give a pg.Pool: its settings are then pinned in each transaction.',
    },
  );
}

function explain(error: unknown, connection: ResolvedConnection, options: ConnectOptions): unknown {
  const fields = serverErrorFields(error);
  if (fields === null) return classifyPostgresError(error) ?? withoutCode(error);
  const said = describePostgresError(error);
  const cause = redactPostgresError(error);
  // PgBouncer: "unsupported startup parameter: options", or "… replication".
  if (fields.code === '08P01') return poolerInTheWay(`It said: ${said}`, options, cause);
  if (fields.code === '42501')
    return options.replication === true
      ? new SourceSetupError(`The role may not replicate: ${said}.`, {
          cause,
          remedy: `Run as a superuser: ALTER ROLE ${pg.escapeIdentifier(connection.user)} REPLICATION;`,
        })
      : new SourceConnectionError(
          'SOURCE_LOGIN_REFUSED',
          `PostgreSQL refused the login: ${said}.`,
          {
            cause,
          },
        );
  return (
    classifyPostgresError(error) ??
    new SourceConnectionError(
      'SOURCE_LOGIN_REFUSED',
      `PostgreSQL refused the connection: ${said}.`,
      {
        cause,
      },
    )
  );
}

/** node-postgres has errors of its own without a code: the socket closed, SASL does not fit. */
function withoutCode(error: unknown): unknown {
  if (!(error instanceof Error) || 'code' in error) return error;
  const isLogin = error.message.startsWith('SASL');
  return new SourceConnectionError(
    isLogin ? 'SOURCE_LOGIN_REFUSED' : 'SOURCE_UNREACHABLE',
    `The connection to PostgreSQL could not be made: ${error.message}.`,
    { cause: error },
  );
}
