import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import type { TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { payloadRig, payloadRigOver } from '../testing/payload-rig.ts';
import { notifyFunction } from './notify-function.ts';
import { missingPayloadSql, payloadGrantSql } from './setup.ts';

/** The payloads that others on the channel hear. */
async function hear(db: TestDatabase): Promise<string[]> {
  const client = await db.client();
  const heard: string[] = [];
  client.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await client.query('LISTEN certyo_payload');
  return heard;
}

function kindOf(payload: string | undefined): string | undefined {
  return payload?.split(' ')[2];
}

describe(notifyFunction, () => {
  test('N-03: a payload of 7,999 bytes carries the row; one byte more, and the row is left out', async () => {
    await using it = await payloadRig();
    const heard = await hear(it.db);
    await it.db.query(`INSERT INTO t VALUES (1, '')`);
    await expect.poll(() => heard.length).toBe(1);
    // One more for each byte of the text; the empty text takes two, for its quotes.
    const fits = 7_999 - Buffer.byteLength(heard[0] ?? '') + 2;
    // In one transaction, so that every part but the text has one length.
    await it.db.query(
      `INSERT INTO t SELECT 2 + x, repeat('x', $1 + x) FROM generate_series(0, 6) AS x`,
      [fits - 3],
    );
    await expect.poll(() => heard.length).toBe(8);
    const sizes = heard.slice(1).map((each) => [kindOf(each), Buffer.byteLength(each)] as const);
    const carried = sizes.filter(([kind]) => kind === 'R').map(([, bytes]) => bytes);
    expect(Math.max(...carried)).toBe(7_999);
    expect(carried).toEqual(carried.map((_, index) => (carried[0] ?? 0) + index));
    expect(sizes.slice(carried.length).map(([kind]) => kind)).toContain('L');

    await it.db.query('INSERT INTO t VALUES (10, $1)', ['é'.repeat((fits - 4) / 2)]);
    await it.db.query('INSERT INTO t VALUES (11, $1)', ['é'.repeat(fits - 4)]);
    await expect.poll(() => heard.slice(8).map(kindOf)).toEqual(['R', 'L']);
    expect(await it.db.query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 10 }]);
  });

  test.each([8_000, 100_000, 10_000_000])(
    'N-03: a row of %s bytes never makes the writer fail',
    async (size) => {
      await using it = await payloadRig();
      const heard = await hear(it.db);
      for (const character of ['x', 'é', '🐘', '"', '\\', "'"])
        await it.db.query(
          `INSERT INTO t VALUES (1, repeat($1, $2)) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v`,
          [character, Math.ceil(size / Buffer.byteLength(character))],
        );
      await expect.poll(() => heard.length).toBe(6);
      expect(heard.map(kindOf)).toEqual(Array.from({ length: 6 }, () => 'L'));
    },
  );

  test('N-04: a transaction with many rows sends about a megabyte, and then only that it has sent too much', async () => {
    await using it = await payloadRig();
    const heard = await hear(it.db);
    await it.db.query(
      `INSERT INTO t SELECT x, repeat('x', 1000) FROM generate_series(1, 5000) AS x`,
    );
    await it.db.query(`DELETE FROM t`);
    await expect.poll(() => heard.filter((each) => kindOf(each) === 'V').length).toBe(2);
    const bytes = heard.reduce((sum, each) => sum + Buffer.byteLength(each), 0);
    expect(bytes).toBeGreaterThan(500_000);
    expect(bytes).toBeLessThan(1_100_000);
  });

  test('the row means the same whatever the writer has set, and nothing of the writer is called', async () => {
    await using it = await payloadRig({
      statements: [
        `CREATE TABLE t (id int PRIMARY KEY, d date, i interval, z timestamptz, b bytea, f float8, m money, r regclass)`,
      ],
    });
    const heard = await hear(it.db);
    const insert = `INSERT INTO public.t VALUES (1, '2024-02-03', '1 day 2 hours', '2024-02-03 04:05:06.123456+00', '\\x00ff', 0.1, 12.34, 'public.t')
      ON CONFLICT (id) DO UPDATE SET d = EXCLUDED.d`;
    await it.db.query(insert);
    const client = await it.db.client();
    await client.query(`CREATE SCHEMA evil;
      CREATE FUNCTION evil.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT 1/0';
      CREATE FUNCTION evil.txid_current() RETURNS int8 LANGUAGE sql AS 'SELECT 1/0::int8';
      CREATE FUNCTION evil.never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';
      CREATE OPERATOR evil.= (FUNCTION = evil.never, LEFTARG = text, RIGHTARG = text);
      CREATE TEMP TABLE payload_secret (key_inner bytea);
      SET search_path = evil, pg_catalog, public; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard';
      SET TimeZone = 'Asia/Kolkata'; SET bytea_output = 'escape'; SET extra_float_digits = -10; SET quote_all_identifiers = on;
      SET standard_conforming_strings = on; SET client_encoding = 'LATIN1'; SET escape_string_warning = off;
      SET plpgsql.variable_conflict = 'use_column'; SET plpgsql.extra_errors = 'all'; SET check_function_bodies = off;
      SET array_nulls = off; SET backslash_quote = off; SET default_transaction_isolation = 'serializable';
      SET row_security = off; SET session_replication_role = 'replica'`);
    await client.query(insert);
    await client.query(`SET certyo.payload_bytes = '-1'`);
    await client.query(insert);
    await client.query(`SET certyo.payload_bytes = 'x; DROP TABLE t'`);
    await client.query(insert);
    await expect.poll(() => heard.length).toBe(4);
    expect(heard.map(kindOf)).toEqual(['R', 'R', 'V', 'V']);
    const rows = heard.slice(0, 2).map((each) => each.slice(each.indexOf('(1,')));
    expect(rows[1]).toBe(rows[0]);
    expect(rows[0]).toContain(String.raw`"2024-02-03 04:05:06.123456+00","\\x00ff",0.1,`);
  });

  test('a missing secret never makes the writer fail: the empty payload says to look', async () => {
    await using it = await payloadRig();
    const heard = await hear(it.db);
    await it.db.query('DELETE FROM certyo.payload_secret');
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await it.db.query('DROP TABLE certyo.payload_secret');
    await it.db.query(`UPDATE t SET v = 'b'`);
    await it.db.query(`TRUNCATE t`);
    await expect.poll(() => heard).toEqual(['', '', '']);
  });

  test('writers and listener need no more than their grants; a listener without them is told the SQL', async () => {
    await using it = await payloadRig();
    const writer = `${it.db.database}_writer`;
    const listener = `${it.db.database}_listener`;
    const admin = await it.db.client();
    try {
      await admin.query(`CREATE ROLE ${writer} LOGIN; CREATE ROLE ${listener} LOGIN;
        ALTER ROLE ${listener} SET default_transaction_read_only = on;
        GRANT INSERT, SELECT, UPDATE ON t TO ${writer}`);
      await admin.query(`SET ROLE ${writer}`);
      const heard = await hear(it.db);
      await admin.query(`INSERT INTO t VALUES (1, 'a')`);
      await expect.poll(() => heard.map(kindOf)).toEqual(['R']);
      await expect(admin.query('SELECT * FROM certyo.payload_secret')).rejects.toMatchObject({
        code: '42501',
      });
      await admin.query('RESET ROLE');
      const url = new URL(it.db.url);
      url.username = listener;
      await using limited = payloadRigOver(it, { connection: url.href });
      await expect(limited.open()).rejects.toMatchObject({
        code: 'SOURCE_SETUP',
        remedy: expect.stringContaining(
          `GRANT SELECT ON "certyo"."payload_secret" TO "${listener}"`,
        ),
      });
      for (const sql of payloadGrantSql(listener, { notifier: 'payload', stateSchema: 'certyo' }))
        await admin.query(sql);
      await limited.ready();
    } finally {
      await admin.query(
        `RESET ROLE; DROP OWNED BY ${writer}, ${listener}; DROP ROLE ${writer}, ${listener}`,
      );
    }
  });

  test('setup changes nothing the second time, repairs what was altered, and teardown leaves nothing', async () => {
    await using it = await payloadRig({
      statements: [
        `CREATE TABLE t (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)`,
        `CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id)`,
        `CREATE TABLE "T 1" PARTITION OF t1 FOR VALUES FROM (0) TO (5)`,
        `CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)`,
      ],
    });
    expect(await it.source.setup()).toEqual([]);
    expect(await it.source.setup({ dryRun: true })).toEqual([]);
    await it.ready();
    await it.db.query(`INSERT INTO t VALUES (1, 'a'), (11, 'b')`);
    await it.db.query(`UPDATE t SET v = 'moved', id = 12 WHERE id = 1`);
    await it.settled();
    expect(it.rows).toEqual(['(1,a)', '(11,b)']);

    await it.db.query('ALTER TABLE t DISABLE TRIGGER certyo_payload_row');
    await it.db.query('DROP TRIGGER certyo_payload_truncated ON "T 1"');
    await it.db.query('ALTER FUNCTION certyo.payload_notify() RESET TimeZone');
    expect(await it.source.setup({ dryRun: true })).toHaveLength(5);
    const session = sqlSession(resolveConnection(it.db.url, {}));
    const settings = {
      notifier: 'payload',
      stateSchema: 'certyo',
      tables: [{ schema: 'public', name: 't' }],
    };
    const { signal } = new AbortController();
    expect(await missingPayloadSql(session, settings, { signal })).toHaveLength(5);
    await session.close();
    await it.open();
    expect(it.events).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'PAYLOAD_TRIGGER' }),
    );
    await it.source.setup();
    expect(await it.source.setup()).toEqual([]);

    expect(await it.source.teardown({ dryRun: true })).toEqual(await it.source.teardown());
    expect(await it.source.teardown()).toEqual([]);
    expect(
      await it.db.query(
        `SELECT tgname FROM pg_trigger WHERE tgname LIKE 'certyo%' UNION ALL SELECT relname FROM pg_class WHERE relname LIKE 'payload%'`,
      ),
    ).toEqual([]);
  });
});
