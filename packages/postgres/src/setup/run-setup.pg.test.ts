import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { runSetup } from './run-setup.ts';

const { signal } = new AbortController();

describe('runSetup', () => {
  test('runs what belongs together in one transaction, and the rest by itself, in order', async () => {
    await using database = await testDatabase();
    const session = sqlSession(resolveConnection(database.url, {}));
    const slot = `made_${database.database}`;
    const statements = [
      'CREATE SCHEMA made',
      'CREATE TABLE made.a (id int PRIMARY KEY)',
      // Creating a slot is refused in a transaction that has written.
      {
        sql: `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`,
        outsideTransaction: true,
      },
      'CREATE TABLE made.b (id int)',
    ];
    const texts = statements.map((each) => (typeof each === 'string' ? each : each.sql));
    try {
      expect(await runSetup(session, statements, { dryRun: true, signal })).toEqual(texts);
      expect(await database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'made'")).toEqual([]);
      expect(await runSetup(session, statements, { signal })).toEqual(texts);
      const failing = runSetup(
        session,
        ['CREATE TABLE made.c (id int)', 'CREATE TABLE made.a (id int)'],
        { signal },
      );
      await expect(failing).rejects.toMatchObject({ code: '42P07' });
      const rows = await database.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'made'::regnamespace AND relkind = 'r' ORDER BY 1",
      );
      expect(rows).toEqual([{ relname: 'a' }, { relname: 'b' }]);
    } finally {
      await session.close();
    }
  });
});
