import { describe, expect, inject, test } from 'vitest';
import { setUpLog } from './testing/set-up-log.ts';

describe('capture', () => {
  test('every way of writing is logged once, with what it was and what it is', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        'CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t ON UPDATE CASCADE ON DELETE SET NULL)',
      ],
      { tables: ['t', 'child'] },
    );
    const { db } = log;
    await db.query("INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, '')");
    expect(await log.told()).toEqual(['I (1,a) id,v', 'I (2,) id,v', 'I (3,"") id,v']);
    await db.query("INSERT INTO t VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET v = excluded.v");
    await db.query("INSERT INTO t VALUES (2, 'b'), (4, 'b') ON CONFLICT DO NOTHING");
    expect(await log.told()).toEqual(['U (1,a) (1,b) id,v', 'I (4,b) id,v']);
    await db.query('INSERT INTO child VALUES (1, 1)');
    await db.query('UPDATE t SET id = 10 WHERE id = 1');
    await db.query('DELETE FROM t WHERE id = 10');
    expect(await log.told()).toEqual([
      'I (1,1) id,t',
      'U (1,b) (10,b) id,v',
      'U (1,1) (1,10) id,t',
      'D (10,b) id,v',
      'U (1,10) (1,) id,t',
    ]);
    await db.query('TRUNCATE t CASCADE');
    expect(await log.told()).toEqual(['T ["public", "t"] id,v', 'T ["public", "child"] id,t']);
    const client = await db.client();
    await client.query('BEGIN');
    await client.query("INSERT INTO t VALUES (1, 'a')");
    await client.query('SAVEPOINT s');
    await client.query("UPDATE t SET v = 'gone'");
    await client.query('ALTER TABLE t ADD w int');
    await client.query("UPDATE t SET v = 'gone too'");
    await client.query('ROLLBACK TO s');
    await client.query("UPDATE t SET v = 'b'");
    await client.query('COMMIT');
    expect(await log.told()).toEqual(['I (1,a) id,v', 'U (1,a) (1,b) id,v']);
    await db.query('UPDATE t SET v = v');
    await db.query(
      'WITH d AS (DELETE FROM t RETURNING *) INSERT INTO child SELECT id + 5, NULL FROM d',
    );
    expect(await log.told()).toEqual(['U (1,b) (1,b) id,v', 'D (1,b) id,v', 'I (6,) id,t']);
    if (inject('postgresMajor') >= 15) {
      await db.query("INSERT INTO t VALUES (1, 'a'), (2, 'a')");
      await db.query(`MERGE INTO t USING (VALUES (1), (2), (3)) s(id) ON s.id = t.id
        WHEN MATCHED AND s.id = 1 THEN UPDATE SET v = 'm' WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new')`);
      const merged = await log.told();
      expect(merged.slice(2).sort()).toEqual([
        'D (2,a) id,v',
        'I (3,new) id,v',
        'U (1,a) (1,m) id,v',
      ]);
    }
  });

  test('COPY, large rows and many bytes: the writer never fails, and nothing is cut', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY, v text, b bytea)'], {
      tables: ['t'],
    });
    for (const [length, text] of [
      [100_000, 'é'],
      [7_999, 'x'],
      [8_000, '😀'],
      [3_400_000, '語'],
    ] as const) {
      await log.db.query(
        "INSERT INTO t VALUES ($1, repeat($2, $1), decode(repeat('00ff', 50), 'hex'))",
        [length, text],
      );
      const [change] = await log.changes();
      const [row] = await log.db.query('SELECT t::text AS row FROM t WHERE id = $1', [length]);
      expect(change?.new_row === row?.['row']).toBe(true);
    }
    await log.db.query('COPY t (id, v) FROM PROGRAM \'printf "1\\tone\\n2\\ttwo\\n"\'');
    expect(await log.told()).toEqual(['I (1,one,) id,v,b', 'I (2,two,) id,v,b']);
  });

  test('N-12: writers whose sessions are hostile, and who may do nothing with the log', async () => {
    const values = `1, '2026-02-03 04:05:06.123456+00', '1 day 02:03:04', decode('00ff', 'hex'), 0.1, 1234.5, 'pg_class'`;
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, at timestamptz, gap interval, b bytea, f float8, m money, c regclass)',
        'CREATE SCHEMA shadow',
        "CREATE FUNCTION shadow.txid_current() RETURNS int8 LANGUAGE sql AS 'SELECT 666::int8'",
        "CREATE FUNCTION shadow.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'",
        'CREATE TABLE shadow.change_log (sequence int8)',
        'CREATE TABLE shadow.pg_attribute (attrelid oid)',
        'GRANT ALL ON ALL TABLES IN SCHEMA shadow TO PUBLIC',
        'GRANT USAGE, CREATE ON SCHEMA shadow TO PUBLIC',
      ],
      { tables: ['t'] },
    );
    const role = `writer_${log.db.database}`;
    await log.db.query(`CREATE ROLE ${role} LOGIN`);
    try {
      await log.db.query(`GRANT INSERT, UPDATE, DELETE, SELECT, TRUNCATE ON t TO ${role}`);
      await log.db.query(`INSERT INTO t VALUES (${values})`);
      const [expected] = await log.told();
      expect(expected).toBe(
        'I (1,"2026-02-03 04:05:06.123456+00",P1DT2H3M4S,"\\\\x00ff",0.1,"$1,234.50",pg_class) id,at,gap,b,f,m,c',
      );
      await log.db.query('DELETE FROM t');
      await log.told();
      const client = await log.db.client({ user: role });
      for (const setting of [
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "TimeZone = 'Asia/Kolkata'",
        "bytea_output = 'escape'",
        'extra_float_digits = -15',
        'quote_all_identifiers = on',
        'search_path = shadow, pg_temp, public, pg_catalog',
        "client_encoding = 'LATIN1'",
        'standard_conforming_strings = off',
        'transform_null_equals = on',
        "plpgsql.variable_conflict = 'error'",
        "plpgsql.extra_errors = 'all'",
        'array_nulls = off',
        'row_security = off',
        'jit_above_cost = 0',
      ])
        await client.query(`SET ${setting}`);
      await client.query(
        'CREATE TEMP TABLE change_log (sequence int8); CREATE TEMP TABLE pg_proc (x int)',
      );
      await client.query(`INSERT INTO public.t VALUES (${values})`);
      expect(await log.told()).toEqual([expected]);
      await client.query(
        "SET certyo.change_log_nested = 'x'; BEGIN; SET LOCAL certyo.change_log_1 = 'y'; UPDATE public.t SET id = 2; TRUNCATE public.t; COMMIT",
      );
      expect((await log.told()).map((line) => line.slice(0, 4))).toEqual(['U (1', 'T ["']);
      for (const forbidden of [
        'SELECT * FROM certyo.change_log',
        'SELECT certyo.change_log_capture()',
        "SELECT certyo.change_log_describe('public.t'::regclass)",
        "SELECT nextval('certyo.change_log_sequence')",
        "SELECT pg_sequence_last_value('certyo.change_log_secret')",
        'CREATE TABLE public.x (id int); CREATE TRIGGER x AFTER INSERT ON public.x FOR EACH ROW EXECUTE FUNCTION certyo.change_log_capture()',
      ]) {
        const answer = client.query(forbidden).then(
          ({ rows }) => rows as unknown,
          (error: unknown) => (error as { code: string }).code,
        );
        // The secret is either refused or not shown, which differs by major.
        expect(['42501', [{ pg_sequence_last_value: null }]]).toContainEqual(await answer);
      }
      const replica = await log.db.client();
      await replica.query(
        'SET session_replication_role = replica; INSERT INTO t VALUES (7); DELETE FROM t; TRUNCATE t',
      );
      expect((await log.told()).map((line) => line.slice(0, 2))).toEqual(['I ', 'D ', 'T ']);
    } finally {
      await log.db.query(`DROP OWNED BY ${role}`);
      await log.db.query(`DROP ROLE ${role}`);
    }
  });

  test('I10: what changes but columns of this library is no change', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v numeric, certyo_verified_at timestamptz, certyo_record_hash text)',
      ],
      { tables: ['t'] },
    );
    await log.db.query('INSERT INTO t VALUES (1, 1.0)');
    await log.db.query("UPDATE t SET certyo_verified_at = now(), certyo_record_hash = 'x'");
    await log.db.query("UPDATE t SET certyo_record_hash = 'y', v = 1.00");
    await log.db.query('UPDATE t SET v = 2');
    await log.db.query('ALTER TABLE t ADD certyo_xid xid8');
    await log.db.query("UPDATE t SET certyo_xid = '99'");
    await log.db.query('UPDATE t SET certyo_xid = NULL, v = v');
    const told = await log.told();
    expect(told.map((line) => line.replaceAll(/"[^"]*"/g, 'time'))).toEqual([
      'I (1,1.0,,) id,v,certyo_verified_at,certyo_record_hash',
      'U (1,1.0,time,x) (1,1.00,time,y) id,v,certyo_verified_at,certyo_record_hash',
      'U (1,1.00,time,y) (1,2,time,y) id,v,certyo_verified_at,certyo_record_hash',
    ]);
  });

  test('names that need quotes, dropped and generated columns', async () => {
    await using log = await setUpLog(
      [
        'CREATE SCHEMA "My Sch.ema"',
        `CREATE TABLE "My Sch.ema"."T'a""b;--%s$$" ("select" int PRIMARY KEY, "x'y" text, gone int, "日本" text, sum int GENERATED ALWAYS AS ("select" * 2) STORED)`,
        `ALTER TABLE "My Sch.ema"."T'a""b;--%s$$" DROP gone`,
      ],
      { tables: [{ schema: 'My Sch.ema', name: `T'a"b;--%s$$` }], stateSchema: `st'ate "x" $` },
    );
    const table = `"My Sch.ema"."T'a""b;--%s$$"`;
    await log.db.query(`INSERT INTO ${table} VALUES (1, '(",', 'は')`);
    await log.db.query(`UPDATE ${table} SET "x'y" = NULL`);
    await log.db.query(`TRUNCATE ${table}`);
    const { rows } = {
      rows: await log.db.query(
        `SELECT operation::text, old_row, new_row FROM "st'ate ""x"" $".change_log ORDER BY sequence`,
      ),
    };
    expect(rows).toEqual([
      { operation: 'I', old_row: null, new_row: '(1,"("",",は,2)' },
      { operation: 'U', old_row: '(1,"("",",は,2)', new_row: '(1,,は,2)' },
      { operation: 'T', old_row: `["My Sch.ema", "T'a\\"b;--%s$$"]`, new_row: null },
    ]);
    const [noted] = await log.db.query(
      `SELECT schema, name, columns FROM "st'ate ""x"" $".change_log_columns`,
    );
    expect(noted).toMatchObject({ schema: 'My Sch.ema', name: `T'a"b;--%s$$` });
    expect(
      (JSON.parse(String(noted?.['columns'])) as { name: string; generated: boolean }[]).map(
        ({ generated, name }) => [name, generated],
      ),
    ).toEqual([
      ['select', false],
      ["x'y", false],
      ['日本', false],
      ['sum', true],
    ]);
    await log.tearDown();
  });

  test('a cast to json of a type of its own is never run with the rights of the owner of the log', async () => {
    await using log = await setUpLog(
      [
        `CREATE TYPE mood AS ENUM ('a', 'b')`,
        `CREATE FUNCTION to_json(mood) RETURNS json LANGUAGE plpgsql AS $$BEGIN RAISE 'run by %', current_user; END$$`,
        'CREATE CAST (mood AS json) WITH FUNCTION to_json(mood)',
        'CREATE TABLE t (id int PRIMARY KEY, m mood, certyo_record_hash text)',
        `CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE t SET m = 'b' WHERE id = NEW.id + 10; RETURN NULL; END$$`,
        'CREATE TRIGGER nested AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION nested()',
      ],
      { tables: ['t'] },
    );
    await log.db.query(`INSERT INTO t VALUES (1, 'a'), (11, 'a')`);
    await log.db.query(`UPDATE t SET m = 'b' WHERE id = 1`);
    await log.db.query(`UPDATE t SET certyo_record_hash = 'x' WHERE id = 1`);
    expect((await log.changes()).map((change) => change.new_row)).toEqual([
      '(1,a,)',
      '(11,a,)',
      '(1,b,)',
      '(11,b,)',
      '(11,b,)',
    ]);
  });
});
