import { openReader } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured, optionsOf } from './testing/captured.ts';

const major = inject('postgresMajor');
/** What the server sends of generated columns: nothing before PostgreSQL 18. */
const SENT = major >= 18 ? '"g":2,' : '';

const TABLES = [
  'CREATE TABLE d (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, v text)',
  'CREATE TABLE f (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, v text)',
  'ALTER TABLE f REPLICA IDENTITY FULL',
];

const write = (table: string): string =>
  `INSERT INTO ${table} VALUES (1, DEFAULT, 'a'); UPDATE ${table} SET v = 'b'; DELETE FROM ${table}`;

describe(replicationSource, () => {
  test('R-33: generated columns are no part of a row, whatever the server sends', async () => {
    await using it = await captured(TABLES, { tables: ['d', 'f'] });
    await using reader = await openReader(it.source);
    for (const table of ['d', 'f']) await it.db.query(write(table));
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert d {"id":1,"v":"a"}',
      'update d {"id":1,"v":"b"}',
      'delete d {"id":1}',
      'insert f {"id":1,"v":"a"}',
      'update f {"id":1,"v":"b"}',
      'delete f {"id":1,"v":"b"}',
    ]);
  });

  test('R-33: with includeGenerated they are what the server sends, in changes and copies alike', async () => {
    await using it = await captured(TABLES, { tables: ['d', 'f'], includeGenerated: true });
    await using reader = await openReader(it.source);
    for (const table of ['d', 'f'])
      await it.db.query(`INSERT INTO ${table} VALUES (1, DEFAULT, 'a')`);
    await reader.caughtUp();
    const rows = [`d {${SENT}"id":1,"v":"a"}`, `f {${SENT}"id":1,"v":"a"}`];
    expect(reader.told).toEqual(rows.map((row) => `insert ${row}`));

    for (const method of ['ctid', 'keyset'] as const) {
      const source = replicationSource(
        optionsOf(it.db, {
          tables: ['d', 'f'],
          includeGenerated: true,
          slot: `${it.db.database}_${method}`,
          copy: { method },
        }),
      );
      await source.setup();
      await using copied = await openReader(source);
      await copied.caughtUp();
      expect([...copied.told].sort()).toEqual(rows.map((row) => `snapshot ${row}`));
    }

    await it.db.query(`DELETE FROM f`);
    await reader.caughtUp();
    expect(reader.told.at(-1)).toBe(`delete ${rows[1] ?? ''}`);
  });

  test.skipIf(major < 18)(
    'I4: a row that comes again has the same payload, though a column of it is not generated any more; new rows have it',
    async () => {
      await using it = await captured(TABLES.slice(1), { tables: ['f'] });
      const row = (id: number): Promise<unknown> =>
        it.db.query(`INSERT INTO f (id, v) VALUES (${id}, 'a')`);
      let after;
      {
        await using reader = await openReader(it.source);
        await row(1);
        await reader.caughtUp();
        after = await reader.acknowledge();
        await row(2);
        await reader.caughtUp();
        expect(reader.told).toHaveLength(2);
      }
      await it.db.query('ALTER TABLE f ALTER g DROP EXPRESSION');
      await using reader = await openReader(it.source, { after });
      await reader.caughtUp();
      await it.db.query('INSERT INTO f VALUES (3, 7)');
      await reader.caughtUp();
      expect(reader.told).toEqual([
        'insert f {"id":2,"v":"a"}',
        'insert f {"g":7,"id":3,"v":null}',
      ]);
      expect(reader.sourceEvents).toContainEqual(
        expect.objectContaining({ type: 'source-warned', code: 'COLUMNS_OUTDATED' }),
      );
      await it.db.query('ALTER TABLE f DROP g, ADD g int GENERATED ALWAYS AS (id * 2) STORED');
      await it.db.query('INSERT INTO f (id) VALUES (4)');
      await it.db.query('ALTER TABLE f ALTER g DROP EXPRESSION');
      await it.db.query('INSERT INTO f (id, g) VALUES (5, 9)');
      await reader.caughtUp();
      expect(reader.told.at(-1)).toBe('insert f {"g":9,"id":5,"v":null}');
    },
  );
});
