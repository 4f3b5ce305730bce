import { runSetup } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { assertPollingReady, planPollingSetup } from './plan.ts';
import { planPollingTeardown } from './teardown.ts';

const { signal } = new AbortController();
const quiet = { hasCheckpoint: false, signal, onEvent: () => undefined };

const EVERYTHING = `SELECT 'relation ' || c.oid::regclass || ' ' || c.relfilenode AS it FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'column ' || a.attrelid::regclass || '.' || a.attname || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '') FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT 'trigger ' || t.oid || '.' || t.xmin || t.tgrelid::regclass || t.tgname || t.tgenabled::text FROM pg_trigger t
  UNION ALL SELECT 'function ' || p.oid || '.' || p.xmin || p.proname FROM pg_proc p WHERE p.pronamespace = to_regnamespace('certyo')
  ORDER BY 1`;

describe('planPollingSetup', () => {
  test('makes everything once: dryRun prints what runs, twice changes nothing, teardown removes all', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      'CREATE TABLE a (id int PRIMARY KEY, note text); CREATE TABLE b (x text, y int, PRIMARY KEY (x, y))',
    );
    await db.query(
      "CREATE TABLE c (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()); INSERT INTO a SELECT i, 'n' FROM generate_series(1, 5) i",
    );
    const spec = specOf([
      polled('a', { lastUpdate: 'last_update' }),
      polled('b', { hardDeletes: 'reconcile' }),
      polled('c', { cursor: { kind: 'timestamp', column: 'at' }, hardDeletes: 'not-captured' }),
    ]);
    await db.query('CREATE SCHEMA certyo');
    const before = await db.query(EVERYTHING);
    const plan = await planPollingSetup(session, spec, { signal });
    expect(await db.query(EVERYTHING)).toEqual(before);
    const printed = await runSetup(session, plan, { dryRun: true, signal });
    expect(await db.query(EVERYTHING)).toEqual(before);
    expect(await runSetup(session, plan, { signal })).toEqual(printed);
    await assertPollingReady(session, spec, quiet);
    const after = await db.query(EVERYTHING);
    expect(await setUp(db, spec)).toEqual([]);
    expect(await db.query(EVERYTHING)).toEqual(after);
    // A second source over the same tables changes nothing of the first.
    const second = specOf(spec.tables, { name: 'second' });
    await setUp(db, second);
    expect(await db.query(EVERYTHING)).toEqual(expect.arrayContaining(after));
    await assertPollingReady(session, second, quiet);
    for (const one of [second, spec]) {
      await runSetup(session, await planPollingTeardown(session, one, { signal }), { signal });
      expect(await planPollingTeardown(session, one, { signal })).toEqual([]);
    }
    expect(await db.query(EVERYTHING)).toEqual(before);
  });

  test('statements that a DBA runs one by one give the same', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE a (id int PRIMARY KEY)');
    const spec = specOf([polled('a')]);
    for (const { sql } of await planPollingSetup(session, spec, { signal })) await db.query(sql);
    expect(await planPollingSetup(session, spec, { signal })).toEqual([]);
  });

  test('does not rewrite a table; rows that are there have the smallest xid, so that the first poll copies them', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2)');
    const file = "SELECT pg_relation_filenode('a') AS file";
    const before = await db.query(file);
    await setUp(db, specOf([polled('a', { lastUpdate: 'changed' })]));
    expect(await db.query(file)).toEqual(before);
    await db.query('INSERT INTO a VALUES (3)');
    const rows = await db.query(
      'SELECT id, certyo_xid::text AS xid, changed <= clock_timestamp() AS past FROM a ORDER BY id',
    );
    expect(rows.slice(0, 2)).toEqual([
      { id: 1, xid: '3', past: true },
      { id: 2, xid: '3', past: true },
    ]);
    expect(Number(rows[2]?.['xid'])).toBeGreaterThan(3);
  });

  test('gives up instead of keeping everybody waiting behind a long transaction', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE a (id int PRIMARY KEY)');
    const statements = await planPollingSetup(session, specOf([polled('a')]), { signal });
    const lock = statements.findIndex(({ sql }) => sql.startsWith('SET LOCAL lock_timeout'));
    const alter = statements.findIndex(({ sql }) => sql.startsWith('ALTER TABLE'));
    expect(lock).toBeGreaterThanOrEqual(0);
    expect(alter).toBeGreaterThan(lock);
    const holder = await db.client();
    await holder.query('BEGIN; SELECT * FROM a');
    const shortened = statements.map((one) => ({
      ...one,
      sql: one.sql.replace("'10s'", "'50ms'"),
    }));
    await expect(runSetup(session, shortened, { signal })).rejects.toMatchObject({ code: '55P03' });
    await holder.query('ROLLBACK');
    // Nothing was done to the table.
    expect(await planPollingSetup(session, specOf([polled('a')]), { signal })).toEqual(
      statements.filter(({ locks }) => locks !== undefined),
    );
  });

  test('finishes what was interrupted: an invalid index is made again, parts that are there stay', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE a (id int PRIMARY KEY)');
    const spec = specOf([polled('a')]);
    const statements = await planPollingSetup(session, spec, { signal });
    expect(statements.at(-1)?.sql).toMatch(/^CREATE INDEX CONCURRENTLY/);
    await runSetup(session, statements, { signal });
    await db.query(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = (SELECT oid FROM pg_class WHERE relname LIKE 'certyo_cursor%')",
    );
    const again = (await planPollingSetup(session, spec, { signal })).map(({ sql }) => sql);
    expect(again).toEqual([expect.stringMatching(/^DROP INDEX/), statements.at(-1)?.sql]);
    await setUp(db, spec);
    expect(await setUp(db, spec)).toEqual([]);
    const blocking = await planPollingSetup(
      session,
      specOf([polled('a')], { concurrently: false }),
      { signal },
    );
    expect(blocking).toEqual([]);
  });

  test('names of any kind', async () => {
    await using db = await testDatabase();
    const schema = `S "x" $certyo$ '; --`;
    const name = `T.able "%I" \\ é`;
    const column = `k'e"y`;
    const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    await db.query(`CREATE SCHEMA ${quote(schema)}`);
    await db.query(
      `CREATE TABLE ${quote(schema)}.${quote(name)} (${quote(column)} text PRIMARY KEY, v int)`,
    );
    const spec = specOf(
      [
        {
          ...polled('x', { lastUpdate: `l'ast "u"` }),
          table: { schema, name },
          cursor: { kind: 'xid', column: `x"i'd` },
        },
      ],
      { schema: `state "s" $certyo$ '`, name: `n"a'me $certyo$` },
    );
    await setUp(db, spec);
    expect(await setUp(db, spec)).toEqual([]);
    await using session = openSession(db.url);
    await assertPollingReady(session, spec, quiet);
    await db.query(`INSERT INTO ${quote(schema)}.${quote(name)} VALUES ('q"\\', 1), ('r', 1)`);
    await db.query(
      `UPDATE ${quote(schema)}.${quote(name)} SET ${quote(column)} = 's' WHERE ${quote(column)} = 'r'`,
    );
    await db.query(`DELETE FROM ${quote(schema)}.${quote(name)}`);
    await db.query(`TRUNCATE ${quote(schema)}.${quote(name)}`);
    const tombstones = await db.query(
      `SELECT operation, key FROM ${quote(spec.schema)}.${quote(`${spec.name}_tombstones`)} ORDER BY sequence`,
    );
    expect(tombstones).toEqual([
      { operation: 'K', key: ['r'] },
      { operation: 'D', key: ['q"\\'] },
      { operation: 'D', key: ['s'] },
      { operation: 'T', key: null },
    ]);
    const teardown = await planPollingTeardown(session, spec, { signal });
    await runSetup(session, teardown, { signal });
    expect(await planPollingTeardown(session, spec, { signal })).toEqual([]);
  });
});
