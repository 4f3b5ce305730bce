import { describe, expect, inject, onTestFinished, test } from 'vitest';

import { openPostgres } from './open-postgres.ts';
import { startPostgres } from './start-postgres.ts';

const major = inject('postgresMajor');

function setVariable(name: string, value: string | undefined): void {
  const before = process.env[name];
  const put = (text: string | undefined): void => {
    if (text === undefined) delete process.env[name];
    else process.env[name] = text;
  };
  put(value);
  onTestFinished(() => put(before));
}

describe('openPostgres', () => {
  test('uses an existing server named by TEST_POSTGRES_URL_<major> and leaves it running', async () => {
    await using server = await startPostgres({ major, password: 'p@ss/word' });
    setVariable(`TEST_POSTGRES_URL_${major}`, server.url);
    const access = await openPostgres({ major });
    expect(access.port).toBe(server.port);
    const database = await access.createDatabase();
    expect(await database.query('SELECT current_database() AS name')).toEqual([
      { name: database.database },
    ]);
    await database[Symbol.asyncDispose]();
    await access[Symbol.asyncDispose]();
    expect(await server.query("SELECT 1 FROM pg_database WHERE datname LIKE 'test_%'")).toEqual([]);
  });

  test('refuses an existing server of another major or without logical decoding', async () => {
    await using server = await startPostgres({ major, settings: { wal_level: 'replica' } });
    setVariable(`TEST_POSTGRES_URL_${major}`, server.url);
    await expect(openPostgres({ major })).rejects.toThrow("ALTER SYSTEM SET wal_level = 'logical'");
    setVariable('TEST_POSTGRES_URL_99', server.url);
    await expect(openPostgres({ major: 99 })).rejects.toThrow(
      `Expected TEST_POSTGRES_URL_99 to name a server of PostgreSQL 99, found PostgreSQL ${major}.`,
    );
  });

  test('I11: does not show the URL, which holds a password, when it is not one', async () => {
    setVariable(`TEST_POSTGRES_URL_${major}`, 'mysql://root:canary@host');
    const error = await openPostgres({ major }).then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error?.message).toContain(`Expected TEST_POSTGRES_URL_${major} to be a URL`);
    expect(String(error?.stack)).not.toContain('canary');
  });

  test('says what is missing for a container, and refuses what it does not know', async () => {
    setVariable(`TEST_POSTGRES_URL_${major}`, undefined);
    setVariable('TEST_POSTGRES', 'container');
    // Either the package or Docker is missing where this runs; with both, a container starts.
    const outcome = await openPostgres({ major }).then(
      async (access) => {
        await access[Symbol.asyncDispose]();
        return 'unset TEST_POSTGRES';
      },
      (error: Error) => error.message,
    );
    expect(outcome).toMatch(/unset TEST_POSTGRES/);
    setVariable('TEST_POSTGRES', 'cloud');
    await expect(openPostgres({ major })).rejects.toThrow(
      "Expected TEST_POSTGRES to be 'embedded' or 'container', got `cloud` (string).",
    );
  });
});
