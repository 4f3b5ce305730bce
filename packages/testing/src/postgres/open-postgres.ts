import { ConfigurationError } from '@certyo-cdc/core';

import { startContainer } from './container.ts';
import { openExisting } from './existing-server.ts';
import { normalizeMajor } from './options.ts';
import type { PostgresAccess } from './postgres-server.ts';
import { startPostgres } from './start-postgres.ts';

/** Which server openPostgres() opens. */
export interface OpenPostgresOptions {
  /**
   * Major version, from 10 on.
   * @default 18
   */
  readonly major?: number | undefined;
}

/**
 * Opens a server to make databases on, where the environment says:
 *
 * - `TEST_POSTGRES_URL_<major>`: a server that runs already, with the URL of a superuser;
 * - `TEST_POSTGRES=container`: the official image in Docker, by `@testcontainers/postgresql`;
 * - else binaries from npm, by startPostgres().
 *
 * @example
 * await using server = await openPostgres({ major: 16 });
 * await using database = await server.createDatabase();
 */
export async function openPostgres(options: OpenPostgresOptions = {}): Promise<PostgresAccess> {
  const major = normalizeMajor(options.major ?? 18);
  const variable = `TEST_POSTGRES_URL_${major}`;
  const url = process.env[variable] ?? '';
  if (url !== '') return await openExisting(variable, url, major);
  const kind = process.env['TEST_POSTGRES'] ?? '';
  if (kind === 'container') return await startContainer(major);
  if (kind !== '' && kind !== 'embedded') {
    throw new ConfigurationError(
      'TEST_POSTGRES',
      `Expected TEST_POSTGRES to be 'embedded' or 'container', got \`${kind}\` (string).`,
    );
  }
  return await startPostgres({ major });
}
