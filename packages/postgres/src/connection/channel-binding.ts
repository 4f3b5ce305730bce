import { SourceConnectionError } from '@certyo-cdc/core';
import type pg from 'pg';

/** The part of node-postgres' connection that announces what the server asks for. */
interface LoginMessages {
  on(
    event: 'authenticationSASL',
    listener: (message: { mechanisms: readonly string[] }) => void,
  ): void;
  on(
    event: 'authenticationOk' | 'authenticationCleartextPassword' | 'authenticationMD5Password',
    listener: () => void,
  ): void;
}

/**
 * libpq's `channel_binding=require`: the login must be SCRAM bound to this TLS channel, so that nobody in between can pass
 * it on. Call it before the client connects: its listeners run before the client's own, which answer the server.
 */
export function requireChannelBinding(
  client: pg.Client,
  refuse: (error: SourceConnectionError) => void,
): void {
  const { connection, enableChannelBinding } = client as unknown as {
    readonly connection: LoginMessages;
    readonly enableChannelBinding: boolean;
  };
  let isBound = false;
  const fail = (): void => {
    if (!isBound)
      refuse(
        new SourceConnectionError(
          'SOURCE_LOGIN_REFUSED',
          'channel_binding=require, but the server does not offer a login that is bound to the TLS channel.',
        ),
      );
  };
  connection.on('authenticationSASL', ({ mechanisms }) => {
    // node-postgres then takes it before any other.
    isBound = enableChannelBinding && mechanisms.includes('SCRAM-SHA-256-PLUS');
    fail();
  });
  connection.on('authenticationCleartextPassword', fail);
  connection.on('authenticationMD5Password', fail);
  connection.on('authenticationOk', fail);
}
