import { inspect } from 'node:util';

import { testDatabase } from '@certyo-cdc/testing/vitest';
import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { connect } from '../connection/connect.ts';
import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';

const never = { signal: new AbortController().signal };

const SETUP = `
CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE NOT NULL CHECK (email <> 'canary-check'), n int, at date);
INSERT INTO people VALUES (1, 'canary-key', 1, now());
CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'canary-raised' USING DETAIL = 'canary', HINT = 'canary'; END $$;
CREATE TABLE parted (id text) PARTITION BY LIST (id);
CREATE DOMAIN small AS text CHECK (VALUE <> 'canary-domain');`;

/** Statements that PostgreSQL refuses with the value in its answer. */
const FAILING: readonly (readonly [string, readonly string[]])[] = [
  ["INSERT INTO public.people VALUES (2, 'canary-key')", []],
  ['INSERT INTO public.people VALUES (2, $1)', ['canary-key']],
  ["INSERT INTO public.people VALUES (2, 'canary-check')", []],
  ["INSERT INTO public.people VALUES (3, NULL, 3, 'canary-date')", []],
  ['INSERT INTO public.people (id) VALUES (987654321)', []],
  ["SELECT 'canary-int'::int", []],
  ['SELECT $1::int', ['canary-int']],
  ["SELECT 'canary-json'::json", []],
  ["SELECT 'canary-enum'::timestamptz", []],
  ['SELECT canary-syntax FROM WHERE', []],
  ["SELECT 'canary-open", []],
  ['SELECT public.fail()', []],
  ["INSERT INTO public.parted VALUES ('canary-part')", []],
  ["SELECT 'canary-domain'::public.small", []],
  ["SELECT 1 / (length('canary') - 6)", []],
];

describe('errors of statements', () => {
  test('I11: hold no value and no statement, over an own connection and over a pool', async () => {
    await using database = await testDatabase();
    for (const statement of SETUP.split(/;\n/)) await database.query(statement);
    const pool = new pg.Pool({ connectionString: database.url });
    // `end()` does not wait for its connections: the database may be dropped under them.
    pool.on('error', () => undefined);
    const sessions = [sqlSession(resolveConnection(database.url, {})), sqlSession(pool)];
    try {
      for (const session of sessions)
        for (const [text, parameters] of FAILING) {
          const error: unknown = await session
            .query(text, parameters, never)
            .catch((caught: unknown) => caught);
          const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
          const isLeaking = /canary|987654321/.test(printed);
          expect({ text, error, isLeaking }).toMatchObject({
            text,
            error: { name: 'PostgresServerError' },
            isLeaking: false,
          });
        }
    } finally {
      await Promise.all(sessions.map((session) => session.close()));
      await pool.end();
    }
  });

  test('I11: a refused login prints no password, wherever it came from', async () => {
    await using database = await testDatabase();
    const url = new URL(database.url);
    url.username = 'no_such_role';
    url.password = 'canary-secret';
    const fails = [
      resolveConnection(url.href, {}),
      resolveConnection({}, { DATABASE_URL: url.href }),
      resolveConnection({ connectionString: url.href, port: 1 }, {}),
      resolveConnection({ connectionString: url.href, tls: { mode: 'require' } }, {}),
    ];
    for (const connection of fails) {
      const error: unknown = await connect(connection, never).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: 'SourceConnectionError' });
      const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
      expect(printed).not.toContain('canary');
    }
    const client = await connect(
      resolveConnection({ connectionString: database.url, password: 'canary' }, {}),
      never,
    );
    expect(inspect(client, { depth: 9 }) + JSON.stringify(client.host)).not.toContain('canary');
    await client.end();
  });
});
