import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

describe('schema changes', () => {
  test('R-23: add, drop, rename and type change in one transaction with data', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, a text, b text)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a', 'b')`);
    await it.db.query(`BEGIN;
      INSERT INTO t VALUES (2, 'a', 'b');
      ALTER TABLE t ADD c int DEFAULT 7;
      INSERT INTO t VALUES (3, 'a', 'b', 8);
      ALTER TABLE t DROP b;
      ALTER TABLE t RENAME a TO z;
      INSERT INTO t VALUES (4, 'a', 9);
      ALTER TABLE t ALTER c TYPE text;
      INSERT INTO t VALUES (5, 'a', 'nine');
      COMMIT`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"a":"a","b":"b","id":1}',
      'insert t {"a":"a","b":"b","id":2}',
      'schema t',
      'insert t {"a":"a","b":"b","c":8,"id":3}',
      'schema t',
      'insert t {"c":9,"id":4,"z":"a"}',
      'schema t',
      'insert t {"c":"nine","id":5,"z":"a"}',
    ]);
    const change = reader.events[4];
    expect(change?.operation === 'schema' && change.previousColumns?.map((c) => c.name)).toEqual([
      'id',
      'a',
      'b',
      'c',
    ]);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(8);
  });

  test('a change of columns while the pipeline was down is told before the first row, the same each time', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1)');
      after = await (await reader.caughtUp()).acknowledge();
    }
    await it.db.query('ALTER TABLE t ADD v int');
    await it.db.query('INSERT INTO t VALUES (2, 2)');
    const ids: string[][] = [];
    for (let i = 0; i < 2; i++) {
      await using reader = await openReader(it.source, { after });
      await reader.caughtUp();
      expect(reader.told).toEqual(['schema t', 'insert t {"id":2,"v":2}']);
      ids.push(reader.events.map((event) => event.id));
    }
    expect(ids[1]).toEqual(ids[0]);
  });

  test('I5: two tables that bear one name in one transaction never share an id', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'],
      { tables: ['t', 'u'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`BEGIN;
      INSERT INTO t VALUES (1);
      ALTER TABLE t RENAME TO old;
      ALTER TABLE u RENAME TO t;
      INSERT INTO t VALUES (1);
      ALTER TABLE t RENAME TO u;
      ALTER TABLE old RENAME TO t;
      COMMIT`);
    await reader.caughtUp();
    // The second row lies in u when all is done, and was in no other table.
    expect(reader.told).toEqual(['insert t {"id":1}', 'insert u {"id":1}']);
    const [first, second] = reader.rows;
    expect(first?.id).not.toBe(second?.id);
    expect((first?.version ?? '') < (second?.version ?? '')).toBe(true);
  });

  test('the record key stays what it was, and follows a rename', async () => {
    await using it = await captured(['CREATE TABLE t (a int, b int, v int, PRIMARY KEY (b, a))'], {
      tables: ['t'],
    });
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1, 2, 3)');
      after = await (await reader.caughtUp()).acknowledge();
      expect(JSON.stringify(reader.rows[0]?.key)).toBe('{"b":2,"a":1}');
    }
    await it.db.query('UPDATE t SET v = 4');
    await it.db.query('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (a, b)');
    await it.db.query('UPDATE t SET v = 5');
    await it.db.query('ALTER TABLE t RENAME a TO x');
    await it.db.query('UPDATE t SET v = 6');
    await using reader = await openReader(it.source, { after });
    await reader.caughtUp();
    expect(reader.rows.map((row) => JSON.stringify(row.key))).toEqual([
      '{"b":2,"a":1}',
      '{"b":2,"a":1}',
      '{"x":1,"b":2}',
    ]);
  });

  test('generated columns are left out', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) STORED)'],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t (id, v) VALUES (1, 2)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1,"v":2}']);
  });

  test('ddl: true tells a change of columns without waiting for a row', async () => {
    const options = { tables: ['t'], ddl: true };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options);
    await using reader = await openReader(sourceOf(it.db, options));
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query('ALTER TABLE t ADD v int');
    await it.db.query('ALTER TABLE t ALTER v SET DEFAULT 7');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}', 'schema t']);
    await it.db.query('INSERT INTO t VALUES (2)');
    await reader.caughtUp();
    expect(reader.told.slice(2)).toEqual(['insert t {"id":2,"v":7}']);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(3);
  });
});

describe('types', () => {
  test('enum, domain, array, composite, range: canonical values', async () => {
    await using it = await captured(
      [
        `CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"')`,
        'CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0)',
        'CREATE TYPE pair AS (a int, b text)',
        'CREATE TABLE t (id int PRIMARY KEY, m mood, d positive, a mood[], n int[][], c pair, r int4range, j jsonb, b bytea, ts timestamptz, f float8)',
      ],
      { tables: ['t'] },
    );
    for (const setting of [
      "datestyle = 'SQL, DMY'",
      "timezone = 'Asia/Kolkata'",
      "bytea_output = 'escape'",
      'extra_float_digits = -5',
    ]) {
      await it.db.query(`ALTER DATABASE ${it.db.database} SET ${setting}`);
    }
    const writer = await it.db.client();
    await using reader = await openReader(it.source);
    await writer.query(`INSERT INTO t VALUES (1, 'it''s "ok"', 1.5, '{sad,NULL}', '{{1,2},{3,4}}', '(1,"x,y")', '[1,5)',
      '{"b": 1, "a": [1.10]}', '\\x00ff', '2026-01-31 12:00:00.5+00', 0.1::float8 + 0.2)`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"a":["sad",null],"b":"\\\\x00ff","c":"(1,\\"x,y\\")","d":"1.50","f":0.30000000000000004,"id":1,"j":{"a":[1.10],"b":1},"m":"it\'s \\"ok\\"","n":[[1,2],[3,4]],"r":"[1,5)","ts":"2026-01-31T12:00:00.500000Z"}',
    ]);
  });

  test('a type that is dropped before its first value was read is a gap; one that was seen is remembered', async () => {
    await using it = await captured(
      ["CREATE TYPE mood AS ENUM ('sad')", 'CREATE TABLE t (id int PRIMARY KEY, m mood)'],
      { tables: ['t'] },
    );
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO t VALUES (1, 'sad')`);
      after = await (await reader.caughtUp()).acknowledge();
    }
    await it.db.query(`INSERT INTO t VALUES (2, 'sad')`);
    await it.db.query('ALTER TABLE t DROP m; DROP TYPE mood');
    {
      await using reader = await openReader(it.source, { after });
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert t {"id":2,"m":"sad"}']);
    }
    const state = { ...(after.state as object), types: [] };
    await using reader = await openReader(it.source, { after: { ...after, state } });
    await expect(reader.ended()).resolves.toMatchObject({ code: 'GAP_TYPE_UNKNOWN' });
  });
});
