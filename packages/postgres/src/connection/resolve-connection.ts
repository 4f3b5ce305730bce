import { userInfo } from 'node:os';

import { ConfigurationError, isSecret, type Secret } from '@certyo-cdc/core';
import {
  MAX_TIMER_MS,
  optionalText,
  optionalTimeout,
  refuseUnknownOptions,
  requireObject,
  wrongOption,
  wrongSecretOption,
} from '@certyo-cdc/core/internal';

import type { ConnectionOptions, Password, ResolvedConnection } from './connection-options.ts';
import { parseConnectionString, SEVERAL_HOSTS } from './connection-string.ts';
import { acceptKeywords, ENVIRONMENT, type LibpqSettings } from './libpq-keywords.ts';
import { readPasswordFile, type PasswordFileKey } from './password-file.ts';
import { isSocketPath, resolveTls } from './resolve-tls.ts';

const CONNECTION_OPTIONS = [
  'connectionString',
  'host',
  'port',
  'user',
  'password',
  'database',
  'applicationName',
  'connectTimeoutMs',
  'keepAliveMs',
  'tls',
] as const;

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settles how to reach PostgreSQL: the options over their connection string over `PG_DSN` or `DATABASE_URL` over libpq's
 * `PG*` variables over defaults. A plain string or secret is a connection string. Reads no file and opens no connection.
 *
 * Throws `ConfigurationError` for anything unknown, unsupported or contradictory; the message never holds a secret.
 */
export function resolveConnection(
  options: ConnectionOptions | string | Secret = {},
  env: Environment = process.env,
): ResolvedConnection {
  const given: ConnectionOptions =
    typeof options === 'string' || isSecret(options) ? { connectionString: options } : options;
  refuseUnknownOptions('', requireObject('connection', given), CONNECTION_OPTIONS);
  const settings: LibpqSettings = { ...environmentKeywords(env), ...stringKeywords(given, env) };

  const user = optionalText('user', given.user) ?? settings.user ?? systemUser();
  const database = optionalText('database', given.database) ?? settings.dbname ?? user;
  const host = optionalText('host', given.host) ?? settings.host;
  // An address that came with another host must not redirect the one given here.
  const address = given.host === undefined ? (settings.hostaddr ?? null) : null;
  if (
    host === undefined &&
    address === null &&
    given.port === undefined &&
    given.database === undefined &&
    given.user === undefined &&
    settings.dbname === undefined &&
    settings.user === undefined &&
    settings.port === undefined
  )
    throw new ConfigurationError('connection', 'No database is named.', {
      remedy:
        'Give connection.connectionString, or set PG_DSN, DATABASE_URL or PGHOST and PGDATABASE.',
    });
  if (host?.includes(',') === true || address?.includes(',') === true)
    throw new ConfigurationError('host', `The connection cannot be used: ${SEVERAL_HOSTS}.`);
  const target = { host: host ?? address ?? 'localhost', address };
  const port = settlePort(given.port, settings.port);
  const resolved: Omit<ResolvedConnection, 'password'> = {
    ...target,
    port,
    user,
    database,
    applicationName:
      optionalText('applicationName', given.applicationName) ??
      settings.application_name ??
      settings.fallback_application_name ??
      'certyo-cdc',
    connectTimeoutMs:
      optionalTimeout('connectTimeoutMs', given.connectTimeoutMs) ??
      connectTimeout(settings) ??
      10_000,
    keepAliveMs: optionalTimeout('keepAliveMs', given.keepAliveMs) ?? keepAlive(settings) ?? 30_000,
    serverOptions: settings.options ?? '',
    tls: resolveTls(given.tls, settings, target),
  };
  return {
    ...resolved,
    password: passwordSource(given.password, settings, { ...target, port, database, user }),
  };
}

function environmentKeywords(env: Environment): LibpqSettings {
  const pairs: [string, string][] = [];
  const names = new Map<string, string>();
  for (const [variable, keyword] of Object.entries(ENVIRONMENT)) {
    const value = env[variable];
    if (value === undefined || value === '') continue;
    pairs.push([keyword, value]);
    names.set(keyword, variable);
  }
  return acceptKeywords(pairs, 'the environment', (keyword) => names.get(keyword) ?? keyword);
}

function stringKeywords(options: ConnectionOptions, env: Environment): LibpqSettings {
  const { connectionString } = options;
  if (connectionString !== undefined) {
    const text = isSecret(connectionString) ? connectionString.reveal() : connectionString;
    if (typeof text !== 'string' || text === '')
      throw wrongSecretOption('connectionString', 'a non-empty string', text);
    return readString(text, 'connectionString');
  }
  if (options.host !== undefined) return {};
  for (const variable of ['PG_DSN', 'DATABASE_URL']) {
    const text = env[variable];
    if (text !== undefined && text !== '') return readString(text, variable);
  }
  return {};
}

function readString(text: string, origin: string): LibpqSettings {
  return acceptKeywords(parseConnectionString(text, origin), origin);
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    throw new ConfigurationError('user', 'No user is named, and the operating system names none.');
  }
}

function settlePort(option: number | undefined, keyword: string | undefined): number {
  if (option !== undefined) {
    if (Number.isInteger(option) && option >= 1 && option <= 65_535) return option;
    throw wrongOption('port', 'an integer from 1 to 65535', option);
  }
  if (keyword === undefined) return 5432;
  if (keyword.includes(','))
    throw new ConfigurationError('port', `The connection cannot be used: ${SEVERAL_HOSTS}.`);
  const port = /^\s*\d{1,5}\s*$/.test(keyword) ? Number(keyword) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new ConfigurationError('port', 'Expected `port` to be an integer from 1 to 65535.');
}

/** libpq: seconds; zero or negative waits for ever. */
function connectTimeout(settings: LibpqSettings): number | false | undefined {
  const seconds = wholeNumber(settings.connect_timeout, 'connect_timeout');
  if (seconds === undefined) return undefined;
  return seconds <= 0 ? false : Math.min(seconds * 1000, MAX_TIMER_MS);
}

function keepAlive(settings: LibpqSettings): number | false | undefined {
  if (settings.keepalives === '0') return false;
  const seconds = wholeNumber(settings.keepalives_idle, 'keepalives_idle');
  return seconds === undefined || seconds <= 0 ? undefined : Math.min(seconds * 1000, MAX_TIMER_MS);
}

function wholeNumber(text: string | undefined, keyword: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*[+-]?\d{1,9}\s*$/.test(text)) return Number(text);
  throw new ConfigurationError(keyword, `Expected \`${keyword}\` to be a whole number of seconds.`);
}

function passwordSource(
  option: Password | undefined,
  settings: LibpqSettings,
  key: PasswordFileKey,
): () => Promise<string | null> {
  if (typeof option === 'function')
    return async () => {
      const given: unknown = await option();
      const text = isSecret(given) ? given.reveal() : given;
      if (typeof text === 'string') return text;
      throw wrongSecretOption('password', 'a function that gives a string', given);
    };
  if (option !== undefined && typeof option !== 'string' && !isSecret(option))
    throw wrongSecretOption('password', 'a string, a secret or a function', option);
  const text = isSecret(option) ? option.reveal() : (option ?? settings.password);
  if (text !== undefined) return () => Promise.resolve(text);
  const path = settings.passfile ?? null;
  const host = isSocketPath(key.host) ? key.host : key.host.toLowerCase();
  return () => readPasswordFile(path, { ...key, host });
}
