import { ConfigurationError } from '@certyo-cdc/core';
import { inject } from 'vitest';

import { createDatabase, type TestDatabase } from '../postgres/test-database.ts';
import type { SharedPostgres } from './shared-postgres.ts';

/**
 * Makes an empty database on the server that the running vitest project shares.
 *
 * Its slots are dropped with it, and their walsenders ended, when it is disposed of.
 *
 * @example
 * await using database = await testDatabase();
 * await database.query('CREATE TABLE t (id int PRIMARY KEY)');
 */
export async function testDatabase(): Promise<TestDatabase> {
  // Absent where the global setup is not: the types cannot know.
  const server = inject('postgres') as SharedPostgres | undefined;
  if (server === undefined) {
    throw new ConfigurationError('globalSetup', 'This vitest project has no PostgreSQL.', {
      remedy:
        "Name the test file x.pg.test.ts, or add `globalSetup: ['@certyo-cdc/testing/vitest-setup']` to the project.",
    });
  }
  return await createDatabase(server);
}
