import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, inject, test } from 'vitest';

import { resolveConnection } from '../connection/resolve-connection.ts';
import type { SqlSession } from '../connection/sql-executor.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { readPublication } from './publication.ts';
import { resolveTables } from './resolve-tables.ts';
import { serverInfo } from './server-info.ts';

const never = { signal: new AbortController().signal };

async function withDatabase(
  setup: readonly string[],
  work: (session: SqlSession, name: string) => Promise<void>,
): Promise<void> {
  await using database = await testDatabase();
  for (const statement of setup) await database.query(statement);
  const session = sqlSession(resolveConnection(database.url, {}));
  try {
    await work(session, database.database);
  } finally {
    await session.close();
  }
}

describe('serverInfo', () => {
  test('says what the server is and who we are', async () => {
    await withDatabase([], async (session, name) => {
      const info = await serverInfo(session, never);
      expect(Math.floor(info.versionNumber / 10_000)).toBe(inject('postgresMajor'));
      expect(info).toMatchObject({
        database: name,
        encoding: 'UTF8',
        isInRecovery: false,
        isReplicationRole: true,
        isSuperuser: true,
        timeline: 1,
        walLevel: 'logical',
      });
      expect(info.systemIdentifier).toMatch(/^\d{15,20}$/);
      expect(info.databaseOid).toBeGreaterThan(0);
    });
  });
});

describe('resolveTables', () => {
  test('reads columns, keys and replica identity in the order of the names', async () => {
    await withDatabase(
      [
        'CREATE TABLE plain (b text, a int, total numeric(10,2) NOT NULL, PRIMARY KEY (a, b))',
        'CREATE SCHEMA "My Sch.ema"',
        'CREATE TABLE "My Sch.ema"."T""x" (id bigint GENERATED ALWAYS AS IDENTITY, u int NOT NULL, d int GENERATED ALWAYS AS (u * 2) STORED)',
        'CREATE UNIQUE INDEX by_u ON "My Sch.ema"."T""x" (u)',
        'ALTER TABLE "My Sch.ema"."T""x" REPLICA IDENTITY USING INDEX by_u',
        'CREATE TABLE whole (v text, w text); ALTER TABLE whole REPLICA IDENTITY FULL',
        'CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)',
        'CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10)',
        'ALTER TABLE plain DROP COLUMN total, ADD COLUMN amount numeric(12,3)',
      ],
      async (session) => {
        const tables = await resolveTables(
          session,
          [
            '"My Sch.ema"."T""x"',
            'PLAIN',
            { schema: 'public', name: 'whole' },
            'parted',
            'part1',
            'plain',
          ],
          never,
        );
        expect(tables.map((table) => table.name)).toEqual([
          'T"x',
          'plain',
          'whole',
          'parted',
          'part1',
        ]);
        const [quoted, plain, whole, parted, part] = tables;
        expect(plain).toMatchObject({
          primaryKey: ['a', 'b'],
          replicaIdentity: 'default',
          replicaIdentityColumns: ['a', 'b'],
          maySelect: true,
          isPartition: false,
        });
        expect(
          plain?.columns.map((column) => [column.number, column.name, column.typeName]),
        ).toEqual([
          [1, 'b', 'text'],
          [2, 'a', 'integer'],
          [4, 'amount', 'numeric(12,3)'],
        ]);
        expect(plain?.columns[0]?.mayBeToasted).toBe(true);
        expect(plain?.columns[1]?.mayBeToasted).toBe(false);
        expect(quoted).toMatchObject({
          schema: 'My Sch.ema',
          primaryKey: [],
          replicaIdentity: 'index',
          replicaIndex: 'by_u',
          replicaIdentityColumns: ['u'],
        });
        expect(quoted?.columns[0]?.identity).toBe('always');
        expect(quoted?.columns[2]?.generated).toBe('stored');
        expect(whole).toMatchObject({
          replicaIdentity: 'full',
          replicaIdentityColumns: ['v', 'w'],
        });
        expect(parted).toMatchObject({ isPartitioned: true, parentOid: null });
        expect(part).toMatchObject({ isPartition: true, parentOid: parted?.oid });
      },
    );
  });

  test('names every table that is missing or unfit, with a proposal', async () => {
    await withDatabase(
      [
        'CREATE SCHEMA sales',
        'CREATE TABLE sales.orders (id int PRIMARY KEY)',
        'CREATE VIEW looking AS SELECT 1 AS one',
        'CREATE UNLOGGED TABLE quick (id int)',
      ],
      async (session) => {
        const failure = resolveTables(
          session,
          ['orders', 'sales.order', 'looking', 'quick', 'zzzzzzzz'],
          never,
        );
        await expect(failure).rejects.toMatchObject({
          code: 'SOURCE_SETUP',
          message:
            'Tables cannot be captured: "public"."orders" does not exist (did you mean sales.orders?); ' +
            '"sales"."order" does not exist (did you mean sales.orders?); "public"."zzzzzzzz" does not exist; ' +
            '"public"."looking" is a view: capture the tables beneath it; ' +
            '"public"."quick" is unlogged, its changes are not in the log (run: ALTER TABLE "public"."quick" SET LOGGED).',
        });
      },
    );
  });
});

describe('a role with nothing but LOGIN', () => {
  test('can read all that the catalog tells (4.1)', async () => {
    await using database = await testDatabase();
    const role = `bare_${database.database}`;
    await database.query(`CREATE ROLE ${role} LOGIN`);
    await database.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await database.query('CREATE PUBLICATION p FOR TABLE t');
    const session = sqlSession(
      resolveConnection({ connectionString: database.url, user: role }, {}),
    );
    try {
      expect(await serverInfo(session, never)).toMatchObject({
        user: role,
        isReplicationRole: false,
        isSuperuser: false,
      });
      const [table] = await resolveTables(session, ['t'], never);
      expect(table).toMatchObject({ primaryKey: ['id'], maySelect: false });
      expect((await readPublication(session, 'p', never))?.tables).toHaveLength(1);
    } finally {
      await session.close();
      await database.query(`DROP ROLE ${role}`);
    }
  });
});

describe('readPublication', () => {
  test('reads what a publication covers, and null for one that is missing', async () => {
    await withDatabase(
      [
        'CREATE TABLE a (id int PRIMARY KEY, v text)',
        'CREATE TABLE b (id int PRIMARY KEY)',
        "CREATE PUBLICATION p FOR TABLE a, b WITH (publish = 'insert, update')",
      ],
      async (session) => {
        expect(await readPublication(session, 'nope', never)).toBeNull();
        const publication = await readPublication(session, 'p', never);
        expect(publication).toMatchObject({
          name: 'p',
          coversAllTables: false,
          insert: true,
          update: true,
          delete: false,
          truncate: false,
          viaRoot: false,
        });
        expect(publication?.tables.map((table) => table.name)).toEqual(['a', 'b']);
        const columns = inject('postgresMajor') >= 15 ? ['id', 'v'] : null;
        expect(publication?.tables[0]?.columns).toEqual(columns);
      },
    );
  });
});
