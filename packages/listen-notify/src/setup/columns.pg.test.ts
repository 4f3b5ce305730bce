import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setUpLog } from './testing/set-up-log.ts';

describe('columns of a change', () => {
  test('are those of its moment, also where one transaction alters and writes by turns', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY, a text)'], {
      tables: ['t'],
    });
    const client = await log.db.client();
    for (const sql of [
      'BEGIN',
      "INSERT INTO t VALUES (1, 'x')",
      'ALTER TABLE t ADD b int DEFAULT 7',
      'UPDATE t SET b = 8',
      'ALTER TABLE t RENAME a TO c',
      'UPDATE t SET b = 9',
      'ALTER TABLE t DROP c',
      'DELETE FROM t',
      'ALTER TABLE t ALTER b TYPE text',
      "INSERT INTO t VALUES (2, 'y'), (3, 'z')",
      'ALTER TABLE t ADD c int',
      'DELETE FROM t',
      'ALTER TABLE t RENAME TO u',
      'INSERT INTO u VALUES (4)',
      'ALTER TABLE u RENAME TO t',
      'COMMIT',
    ])
      await client.query(sql);
    expect(await log.told()).toEqual([
      'I (1,x) id,a',
      'U (1,x,7) (1,x,8) id,a,b',
      'U (1,x,8) (1,x,9) id,c,b',
      'D (1,9) id,b',
      'I (2,y) id,b',
      'I (3,z) id,b',
      'D (2,y,) id,b,c',
      'D (3,z,) id,b,c',
      'I (4,7,) id,b,c',
    ]);
  });

  test('are right for random writes, renames, additions and removals in random transactions', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    const client = await log.db.client();
    const sql = `
      -- Columns are named for their values, so that a row with other columns than its own is seen.
      CREATE FUNCTION write() RETURNS void LANGUAGE plpgsql AS $$ DECLARE names text; BEGIN
        SELECT string_agg(quote_literal(attname), ',' ORDER BY attnum) INTO names FROM pg_attribute
         WHERE attrelid = 't'::regclass AND attnum > 1 AND NOT attisdropped;
        EXECUTE 'INSERT INTO t SELECT coalesce(max(id), 0) + 1' || coalesce(',' || names, '') || ' FROM t';
        EXECUTE 'INSERT INTO t SELECT max(id) + 1' || coalesce(',' || names, '') || ' FROM t';
      END $$;
      CREATE FUNCTION rewrite() RETURNS void LANGUAGE plpgsql AS $$ DECLARE sets text; BEGIN
        SELECT string_agg(format('%I = %L', attname, attname), ',' ORDER BY attnum) INTO sets FROM pg_attribute
         WHERE attrelid = 't'::regclass AND attnum > 1 AND NOT attisdropped;
        IF sets IS NOT NULL THEN EXECUTE 'UPDATE t SET ' || sets; END IF;
        DELETE FROM t WHERE id = (SELECT min(id) FROM t);
      END $$;
      CREATE FUNCTION alter_t(n int, kind int) RETURNS void LANGUAGE plpgsql AS $$ DECLARE one name; BEGIN
        SELECT attname INTO one FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 1 AND NOT attisdropped ORDER BY hashint4(n + attnum) LIMIT 1;
        IF kind = 0 OR one IS NULL THEN EXECUTE format('ALTER TABLE t ADD %I text', 'c' || nextval('names'));
        ELSIF kind = 1 THEN EXECUTE format('ALTER TABLE t RENAME %I TO %I', one, 'c' || nextval('names'));
        ELSE EXECUTE format('ALTER TABLE t DROP %I', one); END IF;
      END $$;
      CREATE SEQUENCE names`;
    await log.db.query(sql);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('SELECT write()', 'SELECT rewrite()') },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.nat(99), fc.nat(2))
          .map(([n, kind]) => `SELECT alter_t(${n}, ${kind})`),
      },
      { weight: 1, arbitrary: fc.constantFrom('SAVEPOINT s', 'ROLLBACK TO s', 'COMMIT AND CHAIN') },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
        await client.query('BEGIN; SAVEPOINT s');
        for (const one of steps) {
          await client.query(one === 'COMMIT AND CHAIN' ? `${one}; SAVEPOINT s` : one);
        }
        await client.query('COMMIT');
        for (const { names, new_row: row, operation } of await log.changes()) {
          if (operation === 'D' || row === null) continue;
          const values = row.slice(1, -1).split(',').slice(1);
          expect(values).toEqual(names.split(',').slice(1));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('are those of the row for a transaction that looks at an older snapshot of the catalog', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY, a text)'], {
      tables: ['t'],
    });
    const client = await log.db.client();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT 1');
    await log.db.query('ALTER TABLE t ADD b timestamp');
    await log.db.query('ALTER TABLE t RENAME a TO c');
    await client.query("INSERT INTO t VALUES (1, 'x', '2026-01-02')");
    await client.query('COMMIT');
    await log.db.query("UPDATE t SET c = 'y'");
    expect(await log.told()).toEqual([
      'I (1,x,"2026-01-02 00:00:00") id,c,b',
      'U (1,x,"2026-01-02 00:00:00") (1,y,"2026-01-02 00:00:00") id,c,b',
    ]);
  });

  test('forged descriptions in the transaction are not believed', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY, a text)'], {
      tables: ['t'],
    });
    const client = await log.db.client();
    await client.query("INSERT INTO t VALUES (1, 'x')");
    const [{ oid } = { oid: 0 }] = await log.db.query<{ oid: number }>(
      "SELECT 't'::regclass::oid AS oid",
    );
    await client.query('BEGIN');
    await client.query("INSERT INTO t VALUES (2, 'x')");
    await client.query(
      `SELECT set_config('certyo.change_log_${oid}', 'forged ' || split_part(current_setting('certyo.change_log_${oid}'), ' ', 2), true)`,
    );
    await client.query("INSERT INTO t VALUES (3, 'x')");
    await client.query('COMMIT');
    expect(await log.told()).toEqual(['I (1,x) id,a', 'I (2,x) id,a', 'I (3,x) id,a']);
  });
});
