import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { reconcileKeys, rememberKeys } from '../deletes/key-ledger.ts';
import { readKeyedTable } from '../deletes/keyed-table.ts';
import { pruneTombstones } from '../deletes/prune-tombstones.ts';
import { readTombstones } from '../deletes/read-tombstones.ts';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { pollingGrantSql } from './grants.ts';
import { assertPollingReady } from './plan.ts';
import { TriggerWatch } from './trigger-watch.ts';

const { signal } = new AbortController();

/** What a role that only polls must not be able to do. */
const FORBIDDEN: readonly string[] = [
  'INSERT INTO app.t (id) VALUES (9)',
  "UPDATE app.t SET v = 'x'",
  'DELETE FROM app.t',
  'TRUNCATE app.t',
  'SELECT secret FROM app.t',
  'SELECT * FROM app.t',
  'SELECT t FROM app.t',
  'SELECT * FROM app.other',
  'ALTER TABLE app.t DISABLE TRIGGER USER',
  'ALTER TABLE app.t ADD COLUMN x int',
  'DROP TABLE app.t',
  'CREATE INDEX ON app.t (id)',
  'DO $$ BEGIN LOCK TABLE app.t IN ACCESS EXCLUSIVE MODE; END $$',
  'CREATE TRIGGER x BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
  'CREATE TABLE app.x (id int)',
  'CREATE TABLE certyo.x (id int)',
  "INSERT INTO certyo.p_tombstones (xid, relation, operation, key, row) VALUES ('5', 1, 'D', '{1}', 'x')",
  "UPDATE certyo.p_tombstones SET xid = '5'",
  'TRUNCATE certyo.p_tombstones',
  'DROP TABLE certyo.p_tombstones',
  'DELETE FROM certyo.p_tombstone_columns',
  'UPDATE certyo.p_keys SET relation = 1',
  'TRUNCATE certyo.p_keys',
  "SELECT setval(pg_get_serial_sequence('certyo.p_tombstones', 'sequence'), 1)",
  'CREATE SCHEMA x',
  'CREATE ROLE x',
  'SET ROLE postgres',
  "SELECT pg_read_file('PG_VERSION')",
  "COPY app.t (id) TO PROGRAM 'true'",
  'CREATE EXTENSION IF NOT EXISTS dblink',
  'SET session_replication_role = replica',
];

describe('pollingGrantSql', () => {
  test('a role with these grants alone can poll, and nothing beyond; a read-only default does not stop it', async () => {
    await using db = await testDatabase();
    await db.query(
      'REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, v text, secret text); CREATE TABLE app.u (id int PRIMARY KEY); CREATE TABLE app.other (id int)',
    );
    const spec = specOf([
      { ...polled('t'), table: { schema: 'app', name: 't' } },
      { ...polled('u', { hardDeletes: 'reconcile' }), table: { schema: 'app', name: 'u' } },
    ]);
    await setUp(db, spec);
    const role = `poll_${db.database}`;
    await db.query(`CREATE ROLE ${role} LOGIN NOINHERIT`);
    try {
      await db.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
      const columns = new Map([['app.t', ['id', 'v', 'certyo_xid']]]);
      for (const sql of pollingGrantSql(role, spec, columns)) await db.query(sql);
      await db.query(
        'INSERT INTO app.t (id) VALUES (1), (2); INSERT INTO app.u VALUES (1), (2); DELETE FROM app.t WHERE id = 1',
      );
      const url = new URL(db.url);
      url.username = role;
      await using session = openSession(url.href);
      const state = await assertPollingReady(session, spec, {
        hasCheckpoint: true,
        signal,
        onEvent: () => undefined,
      });
      await new TriggerWatch(spec, state, null).check(session, { signal });
      const [t, u] = await Promise.all(
        state.tables.map(({ table }) => readKeyedTable(session, table, ['id'], { signal })),
      );
      if (t === undefined || u === undefined) throw new Error('no tables');
      const { rows } = await session.query('SELECT id, v, certyo_xid FROM app.t', [], { signal });
      expect(rows).toHaveLength(1);
      await rememberKeys(session, spec, u, [['1'], ['2']], { signal });
      await db.query('DELETE FROM app.u WHERE id = 2');
      expect(
        await reconcileKeys(session, spec, u, { after: null, maxKeys: 10, signal }),
      ).toMatchObject({ gone: 1 });
      const limits = { after: null, below: null, maxRows: 10, maxBytes: 10_000, signal };
      for (const table of [t, u]) {
        await expect
          .poll(async () => (await readTombstones(session, spec, table, limits)).tombstones.length)
          .toBe(1);
        const { below } = await readTombstones(session, spec, table, limits);
        expect(await pruneTombstones(session, spec, table, { below, maxRows: 10, signal })).toBe(1);
      }
      const client = await db.client({ user: role });
      await client.query('SET default_transaction_read_only = off');
      for (const sql of FORBIDDEN) {
        await expect(client.query(sql), sql).rejects.toMatchObject({
          code: expect.stringMatching(/^(?:42501|0A000|58P01)$/),
        });
      }
      await client.end();
    } finally {
      await db.query(`DROP OWNED BY ${role}`);
      await db.query(`DROP ROLE ${role}`);
    }
  });

  test('P-14: row level security that hides rows is refused, with the SQL; a writer under it leaves tombstones', async () => {
    await using db = await testDatabase();
    await db.query(
      'CREATE TABLE t (id int PRIMARY KEY, tenant text); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (tenant = current_user)',
    );
    const spec = specOf([polled('t')]);
    await setUp(db, spec);
    const role = `tenant_${db.database}`;
    await db.query(
      `CREATE ROLE ${role} LOGIN; GRANT SELECT, INSERT, DELETE ON t TO ${role}; INSERT INTO t VALUES (1, '${role}'), (2, 'b')`,
    );
    try {
      for (const sql of pollingGrantSql(role, spec)) await db.query(sql);
      const url = new URL(db.url);
      url.username = role;
      await using session = openSession(url.href);
      const ready = assertPollingReady(session, spec, {
        hasCheckpoint: false,
        signal,
        onEvent: () => undefined,
      });
      await expect(ready).rejects.toThrow(`ALTER ROLE "${role}" BYPASSRLS`);
      await expect(session.query('SELECT id FROM public.t', [], { signal })).rejects.toMatchObject({
        code: '42501',
      });
      const client = await db.client({ user: role });
      await client.query('SET row_security = on; DELETE FROM t');
      await client.end();
      expect(await db.query('SELECT key FROM certyo.p_tombstones')).toEqual([{ key: ['1'] }]);
      await db.query(`ALTER ROLE ${role} BYPASSRLS`);
      await assertPollingReady(session, spec, {
        hasCheckpoint: false,
        signal,
        onEvent: () => undefined,
      });
    } finally {
      await db.query(`DROP OWNED BY ${role}`);
      await db.query(`DROP ROLE ${role}`);
    }
  });

  test('a role without rights on the state schema writes; the functions cannot be used for anything else', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await setUp(db, specOf([polled('t')]));
    const role = `app_${db.database}`;
    await db.query(
      `CREATE ROLE ${role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON t TO ${role}; GRANT CREATE ON SCHEMA public TO ${role}`,
    );
    try {
      const client = await db.client({ user: role });
      // Objects of its own that hide those of pg_catalog would run with the owner's rights.
      await client.query(
        `CREATE FUNCTION public.pg_current_xact_id() RETURNS xid8 LANGUAGE sql AS $$ SELECT '1'::xid8 $$;
         CREATE FUNCTION public.format(text, anyelement) RETURNS text LANGUAGE sql AS $$ SELECT 'forged' $$;
         CREATE TEMP TABLE pg_attribute (attrelid oid); SET search_path = public, pg_temp, pg_catalog`,
      );
      await client.query(
        "INSERT INTO public.t VALUES (1, 'a'); UPDATE public.t SET v = 'b'; UPDATE public.t SET id = 2; DELETE FROM public.t; TRUNCATE public.t",
      );
      const { rows } = (await db
        .query(
          "SELECT p.oid::regprocedure::text AS name, pg_get_function_identity_arguments(p.oid) AS arguments FROM pg_proc p WHERE pronamespace = 'certyo'::regnamespace",
        )
        .then((found) => ({ rows: found }))) as { rows: { name: string }[] };
      expect(rows.length).toBeGreaterThanOrEqual(3);
      await client.query('CREATE TABLE public.own (id int)');
      for (const { name } of rows) {
        await expect(
          client.query(
            `CREATE TRIGGER x AFTER DELETE ON public.own FOR EACH ROW EXECUTE FUNCTION ${name.replace('()', '')}('1')`,
          ),
        ).rejects.toMatchObject({ code: '42501' });
      }
      await client.end();
      expect(
        await db.query('SELECT operation, key FROM certyo.p_tombstones ORDER BY sequence'),
      ).toEqual([
        { operation: 'K', key: ['1'] },
        { operation: 'D', key: ['2'] },
        { operation: 'T', key: null },
      ]);
    } finally {
      await db.query(`DROP OWNED BY ${role}`);
      await db.query(`DROP ROLE ${role}`);
    }
  });
});
