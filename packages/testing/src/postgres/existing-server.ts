import { ConfigurationError } from '@certyo-cdc/core';

import type { PostgresAccess } from './postgres-server.ts';
import { ServerAccess } from './server-access.ts';

class ExistingServer extends ServerAccess {
  readonly major: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly #close: () => Promise<void>;

  constructor(major: number, url: URL, close: () => Promise<void>) {
    super();
    this.major = major;
    this.host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    this.port = Number(url.port === '' ? 5432 : url.port);
    this.user = decodeURIComponent(url.username === '' ? 'postgres' : url.username);
    this.password = url.password === '' ? null : decodeURIComponent(url.password);
    this.#close = close;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endClients();
    await this.#close();
  }
}

/** Parses without showing the URL, which may hold a password, in an error. */
function parse(option: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol) || url.hostname === '') {
    throw new ConfigurationError(
      option,
      `Expected ${option} to be a URL such as postgresql://user:password@host:5432.`,
    );
  }
  return url;
}

async function check(option: string, server: PostgresAccess): Promise<void> {
  const [row] = await server.query<{ version: string; wal_level: string }>(
    `SELECT current_setting('server_version_num') AS version, current_setting('wal_level') AS wal_level`,
  );
  const found = Math.floor(Number(row?.version) / 10_000);
  if (found !== server.major) {
    throw new ConfigurationError(
      option,
      `Expected ${option} to name a server of PostgreSQL ${server.major}, found PostgreSQL ${found}.`,
    );
  }
  if (row?.wal_level !== 'logical') {
    throw new ConfigurationError(option, `The server of ${option} has no logical decoding.`, {
      remedy: `Run \`ALTER SYSTEM SET wal_level = 'logical'\` on it and restart it.`,
    });
  }
}

/**
 * Gives access to a server that somebody else has started, as a superuser.
 *
 * `option` is named in errors. `close` is called when the access is disposed of.
 */
export async function openExisting(
  option: string,
  text: string,
  major: number,
  close: () => Promise<void> = async () => undefined,
): Promise<PostgresAccess> {
  const server = new ExistingServer(major, parse(option, text), close);
  try {
    await check(option, server);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
