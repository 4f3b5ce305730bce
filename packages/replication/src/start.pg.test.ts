import { CdcError, type SourceEvent } from '@certyo-cdc/core';
import { openReader, startPostgres } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, inject, test } from 'vitest';
import { captured, setUp, optionsOf, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)'];

/** The one clear message: a typed error with this code, that says what is wrong and what to do. */
async function expectRefusal(
  opened: Promise<unknown>,
  code: string,
  texts: readonly (string | RegExp)[],
): Promise<void> {
  const error = await opened.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(CdcError.is(error) ? error.code : error).toBe(code);
  for (const text of texts) {
    expect((error as Error).message).toEqual(
      typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text),
    );
  }
}

describe('the start', () => {
  test('wal_level = replica', async () => {
    await using server = await startPostgres({
      major: inject('postgresMajor'),
      settings: { wal_level: 'replica' },
    });
    await using db = await server.createDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const texts = ['wal_level is "replica"', "ALTER SYSTEM SET wal_level = 'logical'"];
    await expectRefusal(openReader(sourceOf(db, { tables: ['t'] })), 'SOURCE_SETUP', texts);
    await expectRefusal(setUp(optionsOf(db, { tables: ['t'] })), 'SOURCE_SETUP', texts);
  });

  test('a role without REPLICATION', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const role = `role_${it.db.database}`;
    await it.db.query(`CREATE ROLE ${role} LOGIN`);
    try {
      const url = new URL(it.db.url);
      url.username = role;
      await expectRefusal(
        openReader(sourceOf(it.db, { tables: ['t'], connection: url.href })),
        'SOURCE_SETUP',
        [`ALTER ROLE "${role}" REPLICATION`],
      );
      // With it, a role that may read no table at all is enough.
      await it.db.query(`ALTER ROLE ${role} REPLICATION`);
      await using reader = await openReader(
        sourceOf(it.db, { tables: ['t'], connection: url.href }),
      );
      await it.db.query('INSERT INTO t VALUES (1)');
      await reader.caughtUp();
      expect(reader.events).toHaveLength(1);
    } finally {
      await it.db.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.db.query(`DROP ROLE ${role}`);
    }
  });

  test('no server', async () => {
    const db = { database: 'none', url: 'postgresql://nobody@127.0.0.1:1/none' };
    await expectRefusal(openReader(sourceOf(db, { tables: ['t'] })), 'SOURCE_UNREACHABLE', [
      'ECONNREFUSED',
    ]);
  });

  test('I11: a wrong password is refused, and not printed', async () => {
    await using server = await startPostgres({
      major: inject('postgresMajor'),
      password: 'right',
    });
    const db = { database: 'postgres', url: server.urlOf('postgres', 'postgres', 'wr0ng-canary') };
    const opened = openReader(sourceOf(db, { tables: ['t'] }));
    await expectRefusal(opened, 'SOURCE_LOGIN_REFUSED', [/password/u]);
    const error = (await opened.catch((reason: unknown) => reason)) as Error;
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('canary');
  });

  test('a database that does not exist', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const url = it.db.url.replace(it.db.database, 'no_such_database');
    await expectRefusal(
      openReader(sourceOf(it.db, { tables: ['t'], connection: url })),
      'SOURCE_LOGIN_REFUSED',
      ['no_such_database'],
    );
  });

  test('a table without a key, a missing table, a view', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE nokey (v int)');
    await db.query('CREATE VIEW view AS SELECT 1 AS id');
    for (const [table, texts] of [
      ['nokey', ['public.nokey has no primary key', 'REPLICA IDENTITY FULL', 'keys']],
      ['missing', ['missing']],
      ['view', ['view']],
    ] as const) {
      const options = { tables: [table] };
      await expectRefusal(setUp(optionsOf(db, options)), 'SOURCE_SETUP', texts);
      await expectRefusal(openReader(sourceOf(db, options)), 'SOURCE_SETUP', texts);
    }
  });

  test('nothing has been set up: all that is missing, with the SQL', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    await expectRefusal(openReader(sourceOf(db, { tables: ['t'] })), 'SOURCE_SETUP', [
      'CREATE PUBLICATION "certyo_cdc" FOR TABLE "public"."t"',
    ]);
    await db.query('CREATE PUBLICATION certyo_cdc FOR TABLE t WITH (publish_via_partition_root)');
    await expectRefusal(openReader(sourceOf(db, { tables: ['t'] })), 'SOURCE_SETUP', [
      `pg_create_logical_replication_slot('${db.database}', 'pgoutput')`,
    ]);
    await setUp(optionsOf(db, { tables: ['t'] }));
    await using reader = await openReader(sourceOf(db, { tables: ['t'] }));
    await reader.caughtUp();
  });

  test('D-01: a slot in use is waited for, then refused; standing by takes over', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const first = await openReader(it.source);
    await expectRefusal(
      openReader(sourceOf(it.db, { tables: ['t'], slotWaitMs: 300 })),
      'SOURCE_BUSY',
      [it.db.database, 'slotWaitMs'],
    );
    const sourceEvents: SourceEvent[] = [];
    const standby = openReader(sourceOf(it.db, { tables: ['t'], slotWaitMs: false }), {
      sourceEvents,
    });
    await expect.poll(() => sourceEvents.map(({ type }) => type)).toContain('source-waiting');
    await it.db.query('INSERT INTO t VALUES (1)');
    await first.caughtUp();
    await first[Symbol.asyncDispose]();
    await using second = await standby;
    await second.caughtUp();
    expect(second.events).toHaveLength(1);
  });

  test('a slot of another database, of another plugin, and a physical one', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using other = await captured(TABLE, { tables: ['t'] });
    const foreign = sourceOf(it.db, { tables: ['t'], slot: other.db.database });
    await expectRefusal(openReader(foreign), 'SOURCE_SETUP', [
      `belongs to the database "${other.db.database}"`,
    ]);
    const slot = `${it.db.database}_x`;
    for (const [sql, text] of [
      [`pg_create_logical_replication_slot('${slot}', 'test_decoding')`, 'test_decoding'],
      [`pg_create_physical_replication_slot('${slot}')`, 'physical'],
    ] as const) {
      await it.db.query(`SELECT ${sql}`);
      await expectRefusal(openReader(sourceOf(it.db, { tables: ['t'], slot })), 'SOURCE_SETUP', [
        text,
        'option slot',
      ]);
      await it.db.query(`SELECT pg_drop_replication_slot('${slot}')`);
    }
  });
});

describe('names and settings', () => {
  test('names that need quoting', async () => {
    await using it = await captured(
      [
        'CREATE SCHEMA "My Schema"',
        `CREATE TABLE "My Schema"."T'a""b" ("__proto__" int PRIMARY KEY, "sel""ect" text)`,
        'CREATE TABLE "a.b" (id int PRIMARY KEY)',
      ],
      { tables: [`"My Schema"."T'a""b"`, '"a.b"'], publication: '__proto__' },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO "My Schema"."T'a""b" VALUES (1, 'x')`);
    await it.db.query('INSERT INTO "a.b" VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      `insert T'a"b {"__proto__":1,"sel\\"ect":"x"}`,
      'insert a.b {"id":1}',
    ]);
    expect(Object.entries(reader.rows[0]?.key ?? {})).toEqual([['__proto__', 1]]);
    expect(reader.events.map((event) => event.id.split('/').slice(3).join('/'))).toEqual([
      `"My Schema"."T'a""b"/1`,
      'public."a.b"/1',
    ]);
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await using second = await openReader(it.source, { after });
    await it.db.query(`UPDATE "My Schema"."T'a""b" SET "__proto__" = 2`);
    await second.caughtUp();
    expect(second.told).toEqual([`update T'a"b {"__proto__":2,"sel\\"ect":"x"}`]);
  });

  test('publication names with quotes of both kinds', async () => {
    await using it = await captured(TABLE, { tables: ['t'], publication: `p'x"y,\\z` });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    expect(reader.events).toHaveLength(1);
  });

  test('hostile settings of role and database change nothing', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, ts timestamptz, b bytea, i interval, f float8)'],
      { tables: ['t'] },
    );
    for (const setting of [
      "datestyle = 'SQL, DMY'",
      "timezone = 'Asia/Kolkata'",
      "bytea_output = 'escape'",
      "intervalstyle = 'sql_standard'",
      'extra_float_digits = -5',
      "search_path = 'nowhere'",
      'quote_all_identifiers = on',
    ]) {
      await it.db.query(`ALTER DATABASE ${it.db.database} SET ${setting}`);
    }
    await using reader = await openReader(it.source);
    await it.db.query(
      `INSERT INTO public.t VALUES (1, '2026-01-31 12:00:00.5+00', '\\x00ff', '1 day 2 hours', 0.1::float8 + 0.2)`,
    );
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"b":"\\\\x00ff","f":0.30000000000000004,"i":"P1DT2H","id":1,"ts":"2026-01-31T12:00:00.500000Z"}',
    ]);
    expect(reader.rows[0]?.table.columns.map((column) => column.typeName)).toContain(
      'timestamp with time zone',
    );
  });

  test('a LATIN1 database', async () => {
    await using admin = await testDatabase();
    const name = `${admin.database}_latin1`;
    await admin.query(
      `CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    );
    const url = admin.url.replace(admin.database, name);
    const client = await admin.client({ database: name });
    try {
      await client.query('CREATE TABLE "tä" (id int PRIMARY KEY, "ö" text)');
      const options = optionsOf({ database: name, url }, { tables: ['tä'] });
      await setUp(options);
      await using reader = await openReader(sourceOf({ database: name, url }, { tables: ['tä'] }));
      await client.query(`INSERT INTO "tä" VALUES (1, 'ÿé')`);
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert tä {"id":1,"ö":"ÿé"}']);
    } finally {
      await expect
        .poll(() =>
          client.query('SELECT pg_drop_replication_slot($1)', [name]).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
      await client.end();
      await admin.query(`DROP DATABASE ${name}`);
    }
  });
});
