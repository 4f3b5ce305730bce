import type { ChangeEvent, SchemaChange } from '@certyo-cdc/core';
import { checkJsonForm, openReader, tell } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

const OPTIONS = { tables: ['t'], ddl: true } as const;

function schemas(events: readonly ChangeEvent[]): readonly SchemaChange[] {
  return events.filter((event) => event.operation === 'schema');
}

describe('ddl: true', () => {
  test('R-23: add, drop, rename, type change and re-creation in one transaction with data', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, a text, b text)'],
      OPTIONS,
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a', 'b')`);
    await it.db.query(`BEGIN;
      INSERT INTO t VALUES (2, 'a', 'b');
      ALTER TABLE t ADD c int DEFAULT 7;
      INSERT INTO t VALUES (3, 'a', 'b', 8);
      ALTER TABLE t DROP b;
      ALTER TABLE t RENAME a TO z;
      INSERT INTO t VALUES (4, 'a', 9);
      UPDATE t SET id = 40 WHERE id = 4;
      ALTER TABLE t ALTER c TYPE text;
      INSERT INTO t VALUES (5, 'a', 'nine');
      DELETE FROM t WHERE id = 5;
      DROP TABLE t;
      CREATE TABLE t (id bigint PRIMARY KEY, w text);
      ALTER PUBLICATION certyo_cdc ADD TABLE t;
      INSERT INTO t VALUES (6, 'w');
      COMMIT`);
    await it.db.query(`INSERT INTO t VALUES (7, 'w')`);
    await reader.caughtUp();
    expect(reader.events.map((event) => said(event))).toEqual([
      'insert t {"a":"a","b":"b","id":1}',
      'insert t {"a":"a","b":"b","id":2}',
      'ALTER TABLE t ADD c int DEFAULT 7',
      'insert t {"a":"a","b":"b","c":8,"id":3}',
      'ALTER TABLE t DROP b;\nALTER TABLE t RENAME a TO z',
      'insert t {"c":9,"id":4,"z":"a"}',
      'update t {"c":9,"id":40,"z":"a"}',
      'ALTER TABLE t ALTER c TYPE text',
      'insert t {"c":"nine","id":5,"z":"a"}',
      'delete t {"id":5}',
      'CREATE TABLE t (id bigint PRIMARY KEY, w text)',
      'insert t {"id":"6","w":"w"}',
      'insert t {"id":"7","w":"w"}',
    ]);
    const [, , , recreated] = schemas(reader.events);
    expect(recreated?.previousColumns?.map(({ name }) => name)).toEqual(['id', 'z', 'c']);
    expect(recreated?.table.columns.map(({ name }) => name)).toEqual(['id', 'w']);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(reader.events.length);
    const versions = reader.events.map((event) => event.version);
    expect([...versions].sort()).toEqual(versions);
    for (const event of reader.events) checkJsonForm(event);
  });

  test('a statement is told with the next row, also after a restart; the same each time', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], OPTIONS);
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1)');
      await it.db.query('ALTER TABLE t ADD v int');
      // What does not change the columns is not told.
      await it.db.query('ALTER TABLE t ALTER v SET DEFAULT 7');
      await it.db.query('CREATE TABLE other (id int); INSERT INTO other VALUES (1)');
      await reader.caughtUp();
      after = await reader.acknowledge();
      expect(reader.told).toEqual(['insert t {"id":1}']);
    }
    await it.db.query('INSERT INTO t VALUES (2)');
    const seen: string[] = [];
    for (let i = 0; i < 2; i++) {
      await using reader = await openReader(it.source, { after });
      await reader.caughtUp();
      const [change] = schemas(reader.events);
      expect(reader.events.map((event) => said(event)).slice(-1)).toEqual([
        'insert t {"id":2,"v":7}',
      ]);
      expect(change?.statement).toMatch(/^ALTER TABLE t ADD v int/);
      seen.push(JSON.stringify(reader.events));
    }
    expect(seen[1]).toBe(seen[0]);
  });

  test('a rollback takes the statement with it; session_replication_role does not', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], OPTIONS);
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    const writer = await it.db.client();
    for (const sql of [
      'BEGIN; SAVEPOINT s',
      'ALTER TABLE t ADD wrong int',
      'ROLLBACK TO s',
      'SET LOCAL session_replication_role = replica',
      'ALTER TABLE t ADD v int',
      'INSERT INTO t VALUES (2)',
      'COMMIT',
    ]) {
      await writer.query(sql);
    }
    await it.db.query(`DO $$ BEGIN ALTER TABLE t ADD w int; END $$`);
    await it.db.query('INSERT INTO t VALUES (3)');
    await reader.caughtUp();
    expect(schemas(reader.events).map(({ statement }) => statement)).toEqual([
      'ALTER TABLE t ADD v int',
      'DO $$ BEGIN ALTER TABLE t ADD w int; END $$',
    ]);
  });

  test('messages of the trigger are no events, and messages keep their ids', async () => {
    const options = { ...OPTIONS, messages: true } as const;
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options);
    await using reader = await openReader(sourceOf(it.db, options));
    await it.db.query(`BEGIN; ALTER TABLE t ADD v int;
      SELECT pg_logical_emit_message(true, 'mine', 'x'); INSERT INTO t VALUES (1); COMMIT`);
    await reader.caughtUp();
    expect(reader.events.map(({ operation }) => operation)).toEqual(['message', 'insert']);
  });

  test('without the option no statement is told, and forged messages change nothing', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query(`SELECT pg_logical_emit_message(true, 'certyo-cdc ddl certyo', 'x')`);
    await it.db.query('ALTER TABLE t ADD v int; INSERT INTO t VALUES (2)');
    await reader.caughtUp();
    expect(schemas(reader.events)).toHaveLength(1);
    expect(schemas(reader.events)[0]).not.toHaveProperty('statement');
  });

  test('the command of the application never fails: long and foreign texts, other roles', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (0)'],
      OPTIONS,
    );
    await using reader = await openReader(it.source);
    const role = `plain_${it.db.database}`;
    await it.db.query(`CREATE ROLE ${role}; ALTER TABLE t OWNER TO ${role}`);
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query(`DO $$ DECLARE f regprocedure; BEGIN
      FOR f IN SELECT oid FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP
        EXECUTE 'REVOKE ALL ON FUNCTION ' || f || ' FROM PUBLIC';
      END LOOP; END $$`);
    const writer = await it.db.client();
    await writer.query(`SET ROLE ${role}`);
    await writer.query(`SET client_encoding = 'LATIN1'`);
    await writer.query(String.raw`ALTER TABLE t ADD U&"gr\00f6\00dfe" int`);
    await writer.query(`ALTER TABLE t ADD v text DEFAULT '${'x'.repeat(70_000)}'`);
    await writer.query('CREATE TEMP TABLE t (id int)');
    await writer.query('INSERT INTO public.t (id) VALUES (2)');
    await reader.caughtUp();
    expect(schemas(reader.events).map(({ statement }) => statement)).toEqual([
      String.raw`ALTER TABLE t ADD U&"gr\00f6\00dfe" int`,
    ]);
    await writer.query('DROP TABLE pg_temp.t; RESET ROLE');
    await it.db.query(`ALTER TABLE t OWNER TO CURRENT_USER; DROP ROLE ${role}`);
  });

  test('setup makes the trigger and repairs it; teardown with state removes it; start names what is missing', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const source = sourceOf(db, OPTIONS);
    const printed = await source.setup({ dryRun: true });
    expect(await source.setup()).toEqual(printed);
    expect(printed.join('\n')).toContain('CREATE EVENT TRIGGER "00_certyo_ddl_message_certyo"');
    expect(await source.setup()).toEqual([]);
    await db.query('ALTER EVENT TRIGGER "00_certyo_ddl_message_certyo" DISABLE');
    await expect(openReader(source)).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
    await expect(openReader(source)).rejects.toThrow('ENABLE ALWAYS');
    expect(await source.setup()).toHaveLength(3);
    await (await openReader(source))[Symbol.asyncDispose]();
    const removed = await source.teardown({ state: true });
    expect(removed.join('\n')).toMatch(/DROP EVENT TRIGGER.*DROP FUNCTION/s);
    expect(await db.query('SELECT 1 FROM pg_event_trigger')).toEqual([]);
    expect(await source.teardown({ state: true })).toEqual([]);
  });

  test('a role that is no superuser is told so', async () => {
    await using db = await testDatabase();
    const role = `owner_${db.database}`;
    await db.query(`CREATE ROLE ${role} LOGIN REPLICATION;
      GRANT CREATE ON DATABASE ${db.database} TO ${role}; CREATE SCHEMA s AUTHORIZATION ${role}`);
    const url = new URL(db.url);
    url.username = role;
    const writer = await db.client();
    await writer.query(`SET ROLE ${role}; CREATE TABLE s.t (id int PRIMARY KEY); RESET ROLE`);
    const source = sourceOf(
      { ...db, database: db.database, url: url.href },
      { ...OPTIONS, tables: ['s.t'] },
    );
    await expect(source.setup()).rejects.toThrow(/Only a superuser makes event triggers/);
    await db.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
  });
});

/** What an event says; of a schema change the statement. */
function said(event: ChangeEvent): string {
  return event.operation === 'schema' ? (event.statement ?? 'schema') : tell(event);
}
