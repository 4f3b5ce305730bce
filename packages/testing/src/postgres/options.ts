import { ConfigurationError } from '@certyo-cdc/core';
import { refuseUnknownOptions, wrongOption } from '@certyo-cdc/core/internal';

import type { TestCertificates } from './certificates.ts';
import type { SettingValue } from './configuration.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { PostgresStorage } from './storage.ts';

/** The oldest major that this library works with. */
export const OLDEST_MAJOR = 10;

/** How startPostgres() starts a server. */
export interface PostgresOptions {
  /**
   * Major version, from 10 on.
   * @default 18
   */
  readonly major?: number | undefined;
  /** Settings of postgresql.conf, over the harness's own. */
  readonly settings?: Readonly<Record<string, SettingValue>> | undefined;
  /** Lines of pg_hba.conf, put before the harness's own: the first line that matches decides. */
  readonly hba?: readonly string[] | undefined;
  /**
   * Password of the user `postgres`. With one, connections over TCP need it (SCRAM); without, none
   * is asked for. The Unix socket never asks.
   */
  readonly password?: string | undefined;
  /**
   * `true` makes certificates and turns TLS on; or bring some of createCertificates(). Connections
   * without TLS stay possible: refuse them by `hba: ['hostnossl all all all reject']`.
   * @default false; for a standby that of its primary
   */
  readonly tls?: boolean | TestCertificates | undefined;
  /** Makes a streaming standby of that server, which has to run, with its password. PostgreSQL 12 or newer. */
  readonly standbyOf?: PostgresServer | undefined;
  /**
   * `memory` is memory-backed storage where there is some, else the directory for temporary files;
   * `disk` is always the latter. Neither syncs to disk unless `settings.fsync` says so.
   * @default 'memory'
   */
  readonly storage?: PostgresStorage | undefined;
  /** Aborts the start. */
  readonly signal?: AbortSignal | undefined;
}

/** Options with every default in place. */
export interface NormalizedPostgresOptions {
  readonly major: number;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly hba: readonly string[];
  readonly password: string | null;
  readonly tls: boolean | TestCertificates | null;
  readonly standbyOf: PostgresServer | null;
  readonly storage: PostgresStorage;
  readonly signal: AbortSignal | null;
}

const OPTION_NAMES: readonly (keyof PostgresOptions)[] = [
  'major',
  'settings',
  'hba',
  'password',
  'tls',
  'standbyOf',
  'storage',
  'signal',
];

/** Set by the harness: changing them would make the server unreachable. */
const OWN_SETTINGS: ReadonlySet<string> = new Set([
  'data_directory',
  'hba_file',
  'ident_file',
  'listen_addresses',
  'port',
  'unix_socket_directories',
]);

/** Checks a major and gives it back. */
export function normalizeMajor(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw wrongOption('major', 'a major version of PostgreSQL such as 18', value);
  }
  if (value < OLDEST_MAJOR) {
    throw new ConfigurationError(
      'major',
      `PostgreSQL ${value} is not supported: it has no logical replication with pgoutput.`,
      { remedy: `Use PostgreSQL ${OLDEST_MAJOR} or newer.` },
    );
  }
  return value;
}

/** Checks the settings of postgresql.conf and gives a copy back. */
export function normalizeSettings(
  settings: Readonly<Record<string, SettingValue>> | undefined,
): Readonly<Record<string, SettingValue>> {
  for (const [name, value] of Object.entries(settings ?? {})) {
    if (OWN_SETTINGS.has(name)) {
      throw new ConfigurationError(
        `settings.${name}`,
        `\`settings.${name}\` belongs to the harness and cannot be set.`,
      );
    }
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw wrongOption(`settings.${name}`, 'a string, a number or a boolean', value);
    }
  }
  return { ...settings };
}

/** Fills in the defaults. Throws ConfigurationError for what cannot be meant. */
export function normalizePostgresOptions(options: PostgresOptions = {}): NormalizedPostgresOptions {
  refuseUnknownOptions('', options, OPTION_NAMES);
  const standbyOf = options.standbyOf ?? null;
  const major = normalizeMajor(options.major ?? standbyOf?.major ?? 18);
  if (standbyOf !== null && standbyOf.major !== major) {
    throw wrongOption('major', `${standbyOf.major}, the major of \`standbyOf\``, major);
  }
  if (standbyOf !== null && major < 12) {
    throw wrongOption('standbyOf', 'a server of PostgreSQL 12 or newer', major);
  }
  const storage = options.storage ?? 'memory';
  if (storage !== 'memory' && storage !== 'disk')
    throw wrongOption('storage', "'memory' or 'disk'", storage);
  const hba = options.hba ?? [];
  if (!Array.isArray(hba) || hba.some((line: unknown) => typeof line !== 'string')) {
    throw wrongOption('hba', 'an array of lines of pg_hba.conf', hba);
  }
  const password = options.password ?? null;
  if (password !== null && (typeof password !== 'string' || password === '')) {
    throw new ConfigurationError('password', 'Expected `password` to be a non-empty string.');
  }
  return {
    major,
    settings: normalizeSettings(options.settings),
    hba: [...hba],
    password,
    tls: options.tls ?? null,
    standbyOf,
    storage,
    signal: options.signal ?? null,
  };
}
