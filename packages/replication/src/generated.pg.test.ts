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
});
