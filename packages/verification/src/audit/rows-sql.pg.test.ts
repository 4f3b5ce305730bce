import { normalizePostgresStoreOptions, openStoreSession } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { boundariesSql, lookupSql, rowsSql } from './rows-sql.ts';
import { describeTable } from './table-shape.ts';

const { signal } = new AbortController();

const KEYS: readonly (readonly [title: string, setup: string, columns: string, values: string])[] =
  [
    [
      'citext outside of the search path',
      'CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext',
      'id ext.citext PRIMARY KEY',
      `CASE i % 2 WHEN 0 THEN 'k' ELSE 'K' END || lpad(i::text, 4, '0')`,
    ],
    [
      'types of extensions in several columns',
      `CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext;
     CREATE DOMAIN public.code AS ext.citext`,
      'path ext.ltree, id public.code COLLATE "C", n int, PRIMARY KEY (path, id, n)',
      `('a.b' || i % 3)::ext.ltree, CASE i % 2 WHEN 0 THEN 'k' ELSE 'K' END || lpad((i / 7)::text, 4, '0'), i % 7`,
    ],
    [
      'a collation that does not tell case',
      `CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      'id text COLLATE public.loose PRIMARY KEY',
      `CASE i % 2 WHEN 0 THEN 'k' ELSE 'K' END || lpad(i::text, 4, '0')`,
    ],
    [
      'a collation other than that of its domain',
      `CREATE DOMAIN public.code AS text COLLATE "C" CHECK (VALUE <> '')`,
      'id public.code COLLATE "en-x-icu" PRIMARY KEY',
      `CASE i % 2 WHEN 0 THEN 'k' ELSE 'K' END || lpad(i::text, 4, '0')`,
    ],
    [
      'numbers of several scales',
      'SELECT 1',
      'id numeric PRIMARY KEY',
      `CASE i % 3 WHEN 0 THEN i::numeric(9,2) WHEN 1 THEN i::numeric ELSE -i::numeric(9,4) END`,
    ],
    [
      'a domain over an enumeration, and one over a list of it',
      `CREATE TYPE public.mood AS ENUM ('low', 'mid', 'high'); CREATE DOMAIN public.code AS public.mood;
     CREATE DOMAIN public.codes AS public.mood[]`,
      'id public.code, ids public.codes, n int, PRIMARY KEY (id, ids, n)',
      `('{low,mid,high}'::public.mood[])[1 + i % 3], ARRAY[('{low,mid,high}'::public.mood[])[1 + i % 2]], i`,
    ],
    [
      'padded text and bits',
      'SELECT 1',
      'a character(6), b bit(3), PRIMARY KEY (a, b)',
      `'k' || (i / 5), (i % 5)::bit(3)`,
    ],
  ];

describe('rowsSql', () => {
  test.each(KEYS)('every row is in one part: %s', async (_, setup, columns, values) => {
    await using database = await testDatabase();
    await database.query(setup);
    await database.query(`CREATE TABLE public.items (${columns})`);
    await database.query(
      `INSERT INTO public.items SELECT ${values} FROM generate_series(1, 500) AS i`,
    );
    const session = openStoreSession(
      normalizePostgresStoreOptions({ connection: database.url }),
      'rows',
    );
    try {
      const settings = { schema: 'public', name: 'items', key: null, from: null, to: null };
      const shape = await describeTable(
        session,
        { ...settings, where: null, softDelete: false },
        { database: 'd', signal },
      );
      type Row = Readonly<Record<string, string | null>>;
      const read = async (sql: string, values: readonly (readonly string[])[] = []) =>
        (await session.query<Row>(sql, values, { signal })).rows;
      const ends = (await read(boundariesSql(shape, null, 17))).map((row) =>
        shape.key.map((__, index) => row[`k${String(index)}`] ?? ''),
      );
      expect(ends).toHaveLength(29);
      const seen: string[] = [];
      for (const [index, upTo] of [...ends, null].entries()) {
        const rows = await read(rowsSql(shape, { after: ends[index - 1] ?? null, upTo }));
        expect(rows.length).toBe(upTo === null ? 500 % 17 : 17);
        seen.push(...rows.map((row) => JSON.stringify(row)));
      }
      expect(new Set(seen).size).toBe(500);
      // Half of the table, by a range of the user's, and what lies beside it.
      const [middle] = ends.slice(14, 15);
      const cut = async (range: {
        readonly from?: readonly string[];
        readonly to?: readonly string[];
      }) =>
        (
          await read(
            rowsSql(
              { ...shape, settings: { ...shape.settings, ...range } },
              { after: null, upTo: null },
            ),
          )
        ).length;
      expect([await cut({ from: middle ?? [] }), await cut({ to: middle ?? [] })]).toEqual([
        246, 254,
      ]);
      const found = await read(
        lookupSql(shape),
        shape.key.map((__, index) => ends.map((end) => end[index] ?? '')),
      );
      expect(found.filter((row) => row['found'] === 'true')).toHaveLength(29);
    } finally {
      await session.close();
    }
  });
});

describe('lookupSql', () => {
  test('a key is within the range by the collation of its column, also where the row is gone', async () => {
    await using database = await testDatabase();
    await database.query(`CREATE DOMAIN public.code AS text`);
    await database.query(
      `CREATE TABLE public.items (id text COLLATE "en-x-icu", c public.code COLLATE "C", PRIMARY KEY (id, c))`,
    );
    await database.query(`INSERT INTO public.items VALUES ('B1', 'b'), ('b', 'B')`);
    const session = openStoreSession(
      normalizePostgresStoreOptions({ connection: database.url }),
      'rows',
    );
    try {
      const settings = { schema: 'public', name: 'items', key: null, where: null };
      const shape = await describeTable(
        session,
        { ...settings, from: ['a'], to: ['b', 'a'], softDelete: false },
        { database: 'd', signal },
      );
      const range = rowsSql(shape, { after: null, upTo: null });
      expect((await session.query<{ readonly c0: string }>(range, [], { signal })).rows).toEqual([
        { c0: 'b', c1: 'B' },
      ]);
      const ids = ['b', 'B', 'b', 'A1', 'C1', 'a1'];
      const found = await session.query<{ readonly isInRange: string }>(
        lookupSql(shape),
        [ids, ['B', '', 'b', '', '', '']],
        { signal },
      );
      expect(found.rows.map(({ isInRange }) => isInRange)).toEqual([
        'true',
        'false',
        'false',
        'true',
        'false',
        'true',
      ]);
    } finally {
      await session.close();
    }
  });
});
