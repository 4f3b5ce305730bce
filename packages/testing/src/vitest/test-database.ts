import { ConfigurationError } from '@certyo-cdc/core';
import { inject, onTestFinished, TestRunner } from 'vitest';

import { createDatabase, type TestDatabase } from '../postgres/test-database.ts';
import type { SharedPostgres } from './shared-postgres.ts';

/**
 * Makes an empty database on the server that the running vitest project shares.
 *
 * Its slots are dropped with it, their walsenders ended and its prepared transactions rolled back, when it is disposed
 * of: when the running test is over at the latest.
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
  const database = await createDatabase(server);
  // A test that ran out of time, or failed before it took the database over, leaves no transaction open for the others.
  if (TestRunner.getCurrentTest() !== undefined)
    onTestFinished(async () => database[Symbol.asyncDispose]());
  return database;
}
