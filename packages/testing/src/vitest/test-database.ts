import { inject } from 'vitest';

import { createDatabase, type TestDatabase } from '../postgres/test-database.ts';
// For what it declares about vitest's provided context.
import type {} from './shared-postgres.ts';

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
  return await createDatabase(inject('postgres'));
}
