import { existsSync } from 'node:fs';
import type { ChangeEvent } from '@certyo-cdc/core';
import { checkJsonForm, openReader, type PostgresServer, startPostgres } from '@certyo-cdc/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { optionsOf, setUp, sourceOf } from '../testing/captured.ts';
import type { Decoder } from './decoder.ts';

/** Debian's plugins, which PostgreSQL 15 of other makers loads too. */
const LIBRARIES = '/usr/lib/postgresql/15/lib';

const LARGE = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)`;

/** What the same changes are as events, whichever plugin told them. */
interface Told {
  readonly json: unknown;
  readonly row: string;
}

function told(event: ChangeEvent): Told {
  checkJsonForm(event);
  const json = JSON.parse(JSON.stringify(event)) as Record<string, unknown>;
  // The name of a source is its slot's.
  delete json['source'];
  // A truncate of wal2json says less.
  delete json['cascade'];
  delete json['restartIdentity'];
  return { json, row: 'canonicalRow' in event ? event.canonicalRow() : '' };
}

/** Identity and payload of events. */
function rows(list: readonly Told[]): unknown {
  return list.map(({ json, row }) => {
    const { id, operation, version } = json as Record<string, unknown>;
    return { id, operation, version, row };
  });
}

const isMissing = !['wal2json', 'decoderbufs'].every((name) =>
  existsSync(`${LIBRARIES}/${name}.so`),
);
const isOther = inject('postgresMajor') !== 15;

// Skipped: on other majors than 15; and where postgresql-15-wal2json is not installed.
describe.skipIf(isMissing || isOther)('other decoders', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      major: 15,
      settings: { dynamic_library_path: `$libdir:${LIBRARIES}`, max_replication_slots: 20 },
    });
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function bothWays(
    decoder: Decoder,
    tables: readonly string[],
    before: readonly string[],
    changes: readonly string[],
    options: {
      readonly messages?: boolean;
      readonly ddl?: boolean;
      readonly keys?: Readonly<Record<string, readonly string[]>>;
    } = {},
  ): Promise<{ readonly expected: readonly Told[]; readonly actual: readonly Told[] }> {
    await using db = await server.createDatabase();
    for (const statement of before) await db.query(statement);
    const all = (['pgoutput', decoder] as const).map((one) =>
      optionsOf(db, {
        tables,
        decoder: one,
        slot: `${one}_${db.database}`.slice(0, 60),
        ...options,
      }),
    );
    for (const one of all) await setUp(one);
    await using live = await openReader(sourceOf(db, all[1] as never));
    for (const statement of changes) await db.query(statement);
    await live.caughtUp();
    await live[Symbol.asyncDispose]();
    const [expected, actual] = await Promise.all(
      all.map(async (one) => {
        await using reader = await openReader(sourceOf(db, one as never));
        await reader.caughtUp();
        return reader.events.map((event) => told(event));
      }),
    );
    // Read again it is the same; what the catalog adds about columns is as new as the catalog.
    expect(rows(actual ?? [])).toEqual(rows(live.events.map((event) => told(event))));
    return { expected: expected ?? [], actual: actual ?? [] };
  }

  const EVERY_KIND: readonly string[] = [
    `CREATE DOMAIN price AS numeric(6,2)`,
    `CREATE TYPE mood AS ENUM ('sad')`,
    `CREATE TYPE pair AS (a int, b text)`,
    `CREATE TABLE t (id int, i8 bigint, d price, n numeric(10,3), f float8, f4 real, b bool, y bytea, v varchar(10),
      c char(3), ts timestamptz, tn timestamp(3), ti time, dt date, big text, j jsonb, a text[], m mood, p pair,
      bits bit(3), o oid, mo money, ch "char", x xid, u uuid, r int4range, pt point, PRIMARY KEY (i8, id))`,
    'ALTER TABLE t ALTER big SET STORAGE EXTERNAL',
    'CREATE TABLE f (id int, v text, n int, big text, PRIMARY KEY (id))',
    'ALTER TABLE f REPLICA IDENTITY FULL',
    'ALTER TABLE f ALTER big SET STORAGE EXTERNAL',
    'CREATE TABLE i (id int PRIMARY KEY, k text NOT NULL UNIQUE, v int)',
    'ALTER TABLE i REPLICA IDENTITY USING INDEX i_k_key',
    `CREATE TABLE "We.ird, 'T' *" ("Id" int PRIMARY KEY)`,
    'CREATE TABLE other (id int)',
  ];

  const CHANGES: readonly string[] = [
    `INSERT INTO t VALUES (1, 9007199254740993, 1.5, 1.500, -0.0, 0.1, true, '\\x00ff', E'a"\\\\\\t', 'x',
      '2026-01-31 12:00:00.123456+05', '1969-12-31 23:59:59.5', '23:59:59.9', '0044-03-15 BC', ${LARGE},
      '{"a": [1.10, 1e3]}', '{x,NULL,"a,b"}', 'sad', '(1,"x y")', B'101', 5, -1234567.5, 'c', '77',
      '0b6f4cf7-8f2f-4a5e-9f37-0d1f2a3b4c5d', '[1,5)', '(1.5,-2)')`,
    `INSERT INTO t (id, i8, f, dt, ts, tn) VALUES (2, 2, 1e300, 'infinity', '-infinity', 'infinity')`,
    `INSERT INTO t (id, i8, f, f4, ts) SELECT i, -i, (random() - 0.5) * 10 ^ (i % 40 - 20), (random() - 0.5) * 10 ^ (i % 40 - 20),
       '0001-01-01'::timestamptz + i * '17 days 3 hours 0.000123 seconds'::interval * 37 FROM generate_series(10, 200) i`,
    `UPDATE t SET n = 2, f4 = 1e-20 WHERE id < 10`,
    `UPDATE t SET id = 3 WHERE id = 1`,
    `DELETE FROM t WHERE id < 20`,
    `INSERT INTO f VALUES (1, NULL, 2, ${LARGE}); UPDATE f SET v = 'x'; UPDATE f SET id = 5; UPDATE f SET n = NULL; DELETE FROM f`,
    `INSERT INTO i VALUES (1, 'k', 2); UPDATE i SET v = 3; UPDATE i SET k = 'z'; DELETE FROM i`,
    `INSERT INTO "We.ird, 'T' *" VALUES (1)`,
    `INSERT INTO other VALUES (1)`,
    `BEGIN; INSERT INTO i VALUES (2, 'l', 1); ROLLBACK`,
    `BEGIN; INSERT INTO i VALUES (3, 'm', 1); SAVEPOINT s; INSERT INTO i VALUES (4, 'n', 1); ROLLBACK TO s; COMMIT`,
  ];

  const TABLES = ['t', 'f', 'i', `public."We.ird, 'T' *"`];

  // Twice over all rows, with three sources: much, while other tests run.
  const LONG_MS = 120_000;

  test(
    'wal2json: the same events, ids, versions and bytes as pgoutput',
    async () => {
      const changes = [...CHANGES, `INSERT INTO t (id, i8) VALUES (5, 5); TRUNCATE i, t`];
      const options = { keys: { i: ['k'] } };
      const { actual, expected } = await bothWays('wal2json', TABLES, EVERY_KIND, changes, options);
      expect(actual.length).toBeGreaterThan(200);
      expect(actual).toEqual(expected);
    },
    LONG_MS,
  );

  test(
    'decoderbufs: the same events and bytes as pgoutput; ids and versions of its own',
    async () => {
      const options = { keys: { i: ['k'] } };
      const both = await bothWays('decoderbufs', TABLES, EVERY_KIND, CHANGES, options);
      const [actual, expected] = [both.actual, both.expected].map((list) =>
        list.map(({ json, row }) => {
          const {
            id: _id,
            transaction,
            version: _version,
            ...rest
          } = json as Record<string, object>;
          // It knows a transaction by the end of its commit alone.
          const {
            beginLsn: _begin,
            commitLsn: _commit,
            ...rest_
          } = transaction as Record<string, object>;
          return { ...rest, transaction: rest_, row };
        }),
      );
      expect(actual?.length).toBeGreaterThan(200);
      expect(actual).toEqual(expected);
      const ids = both.actual.map(({ json }) => (json as { readonly id: string }).id);
      expect(new Set(ids).size).toBe(ids.length);
      const versions = both.actual.map(
        ({ json }) => (json as { readonly version: string }).version,
      );
      expect([...versions].sort()).toEqual(versions);
    },
    LONG_MS,
  );

  test('wal2json: R-23: the stream goes on across changes of columns', async () => {
    const { actual, expected } = await bothWays(
      'wal2json',
      ['t'],
      ['CREATE TABLE t (id int PRIMARY KEY, a varchar(10), b text)'],
      [
        `INSERT INTO t VALUES (1, 'a', 'b')`,
        `ALTER TABLE t ADD c int DEFAULT 7`,
        `UPDATE t SET a = 'x'`,
        `ALTER TABLE t DROP b`,
        `INSERT INTO t VALUES (2, 'a', 9)`,
        `ALTER TABLE t ALTER a TYPE varchar(20)`,
        `UPDATE t SET a = 'y' WHERE id = 2`,
        `ALTER TABLE t RENAME a TO z`,
        // A delete shows the key only, so it does not tell the new name; pgoutput would.
        `INSERT INTO t VALUES (3, 'z', 1)`,
        `DELETE FROM t`,
      ],
    );
    expect(rows(actual)).toEqual(rows(expected));
  });

  test('wal2json: logical messages, and statements with ddl: true', async () => {
    const { actual, expected } = await bothWays(
      'wal2json',
      ['t'],
      ['CREATE TABLE t (id int PRIMARY KEY)'],
      [
        `INSERT INTO t VALUES (1)`,
        `BEGIN; SELECT pg_logical_emit_message(true, 'mine', 'hé"\\'); ALTER TABLE t ADD v int; INSERT INTO t VALUES (2, 3); COMMIT`,
        `SELECT pg_logical_emit_message(false, 'lone', 'x')`,
      ],
      { messages: true, ddl: true },
    );
    expect(actual).toEqual(expected);
    expect(JSON.stringify(actual)).toContain('ALTER TABLE t ADD v int');
  });

  test('wal2json: NaN in a column that is never null stops; a partitioned table and a missing plugin are refused', async () => {
    await using db = await server.createDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, n numeric NOT NULL)');
    const options = optionsOf(db, { tables: ['t'], decoder: 'wal2json' });
    await setUp(options);
    await using reader = await openReader(sourceOf(db, options as never));
    await db.query(`INSERT INTO t VALUES (1, 'NaN')`);
    await expect(reader.ended()).resolves.toMatchObject({ code: 'SOURCE_PROTOCOL' });
    await db.query('CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id)');
    const parted = sourceOf(db, { tables: ['p'], decoder: 'wal2json', slot: `${db.database}_p` });
    await expect(parted.setup()).rejects.toThrow(/p is partitioned/);
    const bare = await startPostgres({ major: 15 });
    try {
      await using plain = await bare.createDatabase();
      await plain.query('CREATE TABLE t (id int PRIMARY KEY)');
      const source = sourceOf(plain, { tables: ['t'], decoder: 'wal2json' });
      await expect(source.setup()).rejects.toThrow(/does not have the output plugin/);
    } finally {
      await bare[Symbol.asyncDispose]();
    }
  });
});
