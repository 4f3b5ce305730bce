import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoggedChange } from './testing/set-up-log.ts';
import { setUpLog } from './testing/set-up-log.ts';

/** A row trigger of the application that, for one row, runs `body`; the name sorts as wanted. */
function userTrigger(name: string, when: string, body: string): string {
  return `CREATE FUNCTION f_${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NULL; END $$;
          CREATE TRIGGER ${name} ${when} ON t FOR EACH ROW EXECUTE FUNCTION f_${name}();`;
}

/** Every change begins where the one before it of the same record ended. */
function brokenLinks(changes: readonly LoggedChange[]): readonly string[] {
  const key = (row: string): string => row.slice(1).split(',', 1)[0] ?? '';
  const now = new Map<string, string>();
  const broken: string[] = [];
  for (const { new_row: after, old_row: before, operation } of changes) {
    const text = `${operation} ${before ?? ''} ${after ?? ''}`;
    if (before === null && now.has(key(after ?? ''))) broken.push(`${text} is there already`);
    if (before !== null && now.get(key(before)) !== before) broken.push(text);
    if (before !== null) now.delete(key(before));
    if (after !== null) now.set(key(after), after);
  }
  return broken;
}

describe('order of one transaction (I3)', () => {
  test('transactions without nested triggers pay nothing for their order', async () => {
    await using log = await setUpLog(['CREATE TABLE t (id int PRIMARY KEY, v text)'], {
      tables: ['t'],
    });
    for (const sql of [
      "INSERT INTO t VALUES (1, 'a'), (2, 'a')",
      "UPDATE t SET v = 'b'",
      'DELETE FROM t',
    ]) {
      const client = await log.db.client();
      await client.query(sql);
    }
    const noted =
      'SELECT 1 FROM certyo.change_log WHERE coalesce(old_version, new_version, old_key, new_key, depth::text) IS NOT NULL';
    expect(await log.db.query(noted)).toEqual([]);
    expect(await log.changes()).toHaveLength(6);
  });

  test('a trigger that changes a later row of the same statement: versions are in order', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        "INSERT INTO t SELECT i, 'a' FROM generate_series(1, 4) i",
        userTrigger(
          'push',
          'AFTER UPDATE',
          'IF pg_trigger_depth() < 3 THEN UPDATE t SET v = v || NEW.id WHERE id = NEW.id + 1; END IF;',
        ),
      ],
      { tables: ['t'] },
    );
    await log.db.query("UPDATE t SET v = 'b'");
    const changes = await log.changes();
    expect(changes.map((change) => `${change.old_row} ${change.new_row}`)).toMatchInlineSnapshot(`
      [
        "(1,a) (1,b)",
        "(2,a) (2,b)",
        "(3,a) (3,b)",
        "(2,b) (2,b1)",
        "(3,b) (3,b2)",
        "(4,a) (4,b)",
        "(3,b2) (3,b22)",
        "(4,b) (4,b3)",
        "(4,b3) (4,b33)",
      ]
    `);
    const state = await log.db.query('SELECT t::text AS row FROM t ORDER BY id');
    const last = new Map(changes.map((change) => [change.new_row?.slice(1, 2), change.new_row]));
    expect(state.map((row) => row['row'])).toEqual([...last].sort().map(([, row]) => row));
  });

  test('a trigger that deletes, makes and renames later rows of the same statement', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        userTrigger(
          'meddle',
          'AFTER INSERT OR UPDATE OR DELETE',
          `IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF;
           IF TG_OP = 'INSERT' AND NEW.id = 1 THEN UPDATE t SET v = 'nested' WHERE id = 2; DELETE FROM t WHERE id = 3; END IF;
           IF TG_OP = 'DELETE' AND OLD.id = 1 THEN INSERT INTO t VALUES (2, 'again'), (1, 'back'); END IF;
           IF TG_OP = 'UPDATE' AND OLD.id = 1 THEN DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, 'other'); UPDATE t SET v = 'more' WHERE id = 2; END IF;`,
        ),
      ],
      { tables: ['t'] },
    );
    await log.db.query("INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'a')");
    await log.db.query("UPDATE t SET v = 'b'");
    await log.db.query('DELETE FROM t');
    expect(brokenLinks(await log.changes())).toEqual([]);
  });

  test('a key that nested triggers gave up, took and gave up again', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        'CREATE TABLE plan (n int, sql text)',
        'CREATE SEQUENCE step',
        `INSERT INTO plan VALUES (1, 'DELETE FROM t'), (2, 'INSERT INTO t VALUES (1, ''n''), (2, ''n'')'),
           (3, 'UPDATE t SET v = ''m'''), (4, 'DELETE FROM t WHERE id = 1'), (5, 'UPDATE t SET id = 1 WHERE id = 2')`,
        userTrigger(
          'planned',
          'AFTER INSERT OR UPDATE OR DELETE',
          `IF pg_trigger_depth() < 4 THEN
             EXECUTE coalesce((WITH s AS MATERIALIZED (SELECT nextval('step') AS now) SELECT sql FROM plan, s WHERE n = s.now), 'SELECT');
           END IF;`,
        ),
      ],
      { tables: ['t'] },
    );
    await log.db.query("INSERT INTO t VALUES (1, 'n'), (2, 'n')");
    expect(await log.db.query('SELECT t::text AS row FROM t')).toEqual([{ row: '(1,m)' }]);
    const changes = await log.changes();
    expect(brokenLinks(changes)).toEqual([]);
    expect(changes.at(-1)).toMatchObject({ old_row: '(2,m)', new_row: '(1,m)' });
  });

  test('triggers that change other rows at random, three levels deep, some of it rolled back', async () => {
    await using log = await setUpLog(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        'CREATE TABLE plan (n int, sql text)',
        'CREATE SEQUENCE step',
        userTrigger(
          'random',
          'AFTER INSERT OR UPDATE OR DELETE',
          `IF pg_trigger_depth() < 4 THEN
             BEGIN
               EXECUTE coalesce((WITH s AS MATERIALIZED (SELECT nextval('step') AS now)
                 SELECT sql FROM plan, s WHERE n = s.now), 'SELECT');
             EXCEPTION WHEN unique_violation OR division_by_zero OR triggered_data_change_violation THEN
             END;
           END IF;`,
        ),
      ],
      { tables: ['t'] },
    );
    const client = await log.db.client();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(statement, { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.array(statement, { maxLength: 12 }),
        async (transactions, nested) => {
          await client.query(
            'SET session_replication_role = replica; TRUNCATE t, plan; ALTER SEQUENCE step RESTART; RESET session_replication_role',
          );
          await client.query(
            'INSERT INTO plan SELECT n, sql FROM unnest($1::text[]) WITH ORDINALITY AS p(sql, n)',
            [nested],
          );
          await log.changes();
          for (const statements of transactions) {
            await client.query('BEGIN');
            for (const sql of statements) {
              await client.query('SAVEPOINT s');
              await client.query(sql).catch(() => client.query('ROLLBACK TO s'));
            }
            await client.query('COMMIT');
          }
          const changes = await log.changes();
          expect(brokenLinks(changes)).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

const id = fc.integer({ min: 1, max: 4 });

/** A statement about a few of four rows, now and then one that fails at its end. */
const statement: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: id.map((at) => `UPDATE t SET v = right(v || '${at}', 6) WHERE id >= ${at}`),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(id, id)
      .map(
        ([from, to]) =>
          `INSERT INTO t SELECT i, 'n' FROM generate_series(${from}, ${to}) i ON CONFLICT DO NOTHING`,
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(id, id)
      .map(([from, to]) => `DELETE FROM t WHERE id BETWEEN ${from} AND ${to}`),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(id, id).map(([from, to]) => `UPDATE t SET id = ${to} WHERE id = ${from}`),
  },
  { weight: 1, arbitrary: id.map((at) => `UPDATE t SET v = (id / (id - ${at}))::text`) },
);
