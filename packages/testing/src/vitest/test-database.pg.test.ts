import { describe, expect, inject, test } from 'vitest';

import { testDatabase } from './test-database.ts';

describe('testDatabase', () => {
  test('gives an empty database on the server of the running project', async () => {
    await using database = await testDatabase();
    const [row] = await database.query<{ name: string; version: string }>(
      "SELECT current_database() AS name, current_setting('server_version') AS version",
    );
    expect(row?.name).toBe(database.database);
    expect(row?.version).toMatch(new RegExp(`^${inject('postgresMajor')}\\.`));
    expect(database.major).toBe(inject('postgresMajor'));
  });
});
