import type { SourceEvent } from '@certyo-cdc/core';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { assertPollingReady, assertPollingVersion, planPollingSetup } from './plan.ts';
import type { PolledTableSpec } from './spec.ts';

const { signal } = new AbortController();

/** What the error says, with its remedy; or the codes of the warnings. */
async function readiness(
  url: string,
  table: PolledTableSpec,
  hasCheckpoint = false,
): Promise<{ code: string | null; text: string; warnings: readonly string[] }> {
  await using session = openSession(url);
  const warnings: string[] = [];
  const onEvent = (event: SourceEvent): void => {
    if (event.type === 'source-warned') warnings.push(event.code);
  };
  try {
    await assertPollingReady(session, specOf([table]), { hasCheckpoint, signal, onEvent });
    return { code: null, text: '', warnings };
  } catch (error) {
    const { code, message, remedy } = error as { code: string; message: string; remedy?: string };
    return { code, text: `${message}\n${remedy ?? ''}`, warnings };
  }
}

describe('assertPollingReady', () => {
  test('P-06: a trigger that is missing, disabled, not ENABLE ALWAYS, partial or another one is told, with the SQL that mends it', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    const table = polled('t');
    const fresh = await readiness(db.url, table);
    expect(fresh.code).toBe('SOURCE_SETUP');
    expect(fresh.text).toContain('no column "certyo_xid"');
    expect((await readiness(db.url, table, true)).code).toBe('GAP_TRIGGER');
    await setUp(db, specOf([table]));
    expect(await readiness(db.url, table, true)).toEqual({ code: null, text: '', warnings: [] });
    const noop =
      'CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$';
    await db.query(noop);
    const BREAKS: Readonly<Record<string, string>> = {
      'is missing': 'DROP TRIGGER zzz_certyo_stamp ON t',
      disabled: 'ALTER TABLE t DISABLE TRIGGER USER',
      'not ENABLE ALWAYS': 'ALTER TABLE t ENABLE TRIGGER certyo_p_deleted',
      'does not fire BEFORE INSERT OR UPDATE':
        'DROP TRIGGER zzz_certyo_stamp ON t; CREATE TRIGGER zzz_certyo_stamp BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noop()',
      'runs another function':
        'DROP TRIGGER zzz_certyo_stamp ON t; CREATE TRIGGER zzz_certyo_stamp BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION noop()',
      'fires under another condition':
        'DROP TRIGGER zzz_certyo_stamp ON t; CREATE TRIGGER zzz_certyo_stamp BEFORE INSERT OR UPDATE ON t FOR EACH ROW WHEN (NEW.v > 1) EXECUTE FUNCTION noop()',
      'belongs to another table': `DO $$ BEGIN EXECUTE (SELECT 'DROP TRIGGER certyo_p_deleted ON t; ' || replace(pg_get_triggerdef(oid), 'certyo_p_deleted', 'certyo_p_deleted') FROM pg_trigger WHERE tgname = 'certyo_p_deleted'); EXECUTE 'DROP TRIGGER certyo_p_deleted ON t'; EXECUTE 'CREATE TRIGGER certyo_p_deleted AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION noop(''1'')'; END $$`,
      'certyo.p_tombstones does not exist': 'DROP TABLE certyo.p_tombstones',
    };
    for (const [said, sql] of Object.entries(BREAKS)) {
      await db.query(sql);
      const found = await readiness(db.url, table);
      expect(found.code, said).toBe('SOURCE_SETUP');
      expect(found.text).toContain(said);
      expect((await readiness(db.url, table, true)).code, said).toBe('GAP_TRIGGER');
      await using session = openSession(db.url);
      const mended = await planPollingSetup(session, specOf([table]), { signal });
      expect(mended.length, said).toBeGreaterThan(0);
      for (const statement of mended) await db.query(statement.sql);
      expect(await readiness(db.url, table), said).toEqual({ code: null, text: '', warnings: [] });
    }
  });

  test('what a person has to decide is refused with the SQL, by setup too, and mended by it', async () => {
    await using db = await testDatabase();
    await db.query(
      `CREATE TABLE bare (a int, b int NOT NULL);
       CREATE TABLE typed (id int PRIMARY KEY, certyo_xid bigint);
       CREATE TABLE stamped (id int PRIMARY KEY, at timestamptz DEFAULT now(), day date NOT NULL DEFAULT now());
       CREATE TABLE cached (id int PRIMARY KEY, n bigserial); ALTER SEQUENCE cached_n_seq CACHE 20;
       CREATE TABLE counted (id int8 GENERATED ALWAYS AS IDENTITY (INCREMENT 5 CYCLE) PRIMARY KEY);
       CREATE TABLE free (id int PRIMARY KEY);
       CREATE TABLE elder (id int PRIMARY KEY); CREATE TABLE heir () INHERITS (elder)`,
    );
    const timestamp = (column: string): Partial<PolledTableSpec> => ({
      cursor: { kind: 'timestamp', column },
      hardDeletes: 'not-captured',
    });
    const id = (column: string): Partial<PolledTableSpec> => ({
      cursor: { kind: 'id', column },
      hardDeletes: 'not-captured',
    });
    const CASES: readonly (readonly [PolledTableSpec, string, boolean])[] = [
      [polled('bare'), 'no primary key', false],
      [polled('bare', { key: ['x'] }), 'names "x"', false],
      [polled('bare', { key: ['b'] }), 'No unique index', true],
      [polled('bare', { key: ['a', 'b'] }), '"a" of public.bare may be null', true],
      [polled('typed'), "kind 'xid' needs xid8", false],
      [
        polled('typed', { lastUpdate: 'certyo_xid', ...id('certyo_xid') }),
        'lastUpdate needs timestamptz',
        false,
      ],
      [polled('stamped', timestamp('nope')), 'no column "nope"', false],
      [polled('stamped', timestamp('at')), '"at" of public.stamped may be null', true],
      [polled('stamped', timestamp('day')), 'needs timestamptz or timestamp', false],
      [polled('cached', id('n')), 'CACHE 20', true],
      [polled('counted', id('id')), 'does not count up by 1', true],
      [polled('free', id('id')), 'No sequence fills', false],
      [polled('elder'), 'public.heir inherits from public.elder', true],
    ];
    for (const [table, said, isMended] of CASES) {
      const found = await readiness(db.url, table);
      expect(found.code, said).toBe('SOURCE_SETUP');
      expect(found.text).toContain(said);
      await using session = openSession(db.url);
      await expect(planPollingSetup(session, specOf([table]), { signal })).rejects.toThrow(said);
      if (!isMended) continue;
      // The whole remedy, as it is printed.
      await db.query(found.text.slice(found.text.lastIndexOf(':\n  ') + 2));
      expect((await readiness(db.url, table)).text, said).not.toContain(said);
    }
  });

  test('a column of ours that may be null or has another default is mended by setup', async () => {
    await using db = await testDatabase();
    await db.query(
      "CREATE TABLE t (id int PRIMARY KEY, certyo_xid xid8 DEFAULT '3'); INSERT INTO t VALUES (1, NULL)",
    );
    const found = await readiness(db.url, polled('t'));
    expect(found.text).toContain('may be null');
    expect(found.text).toContain('SET NOT NULL;');
    await setUp(db, specOf([polled('t')]));
    expect(await readiness(db.url, polled('t'))).toEqual({ code: null, text: '', warnings: [] });
  });

  test('warns of a stamp that nothing keeps, or only sometimes, of one without a zone, and of a later trigger', async () => {
    await using db = await testDatabase();
    await db.query(
      `CREATE TABLE t (id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now());
       CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$`,
    );
    const table = polled('t', {
      cursor: { kind: 'timestamp', column: 'at' },
      hardDeletes: 'not-captured',
    });
    const warnings = async (one = table): Promise<readonly string[]> =>
      (await readiness(db.url, one)).warnings;
    await setUp(db, specOf([table]));
    expect(await warnings()).toEqual(['STAMP_WITHOUT_TIME_ZONE', 'STAMP_NOT_KEPT']);
    await db.query(
      'ALTER TABLE t ALTER at TYPE timestamptz; CREATE TRIGGER zzzz BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION keep()',
    );
    expect(await warnings()).toEqual(['STAMP_NOT_ALWAYS_KEPT']);
    await db.query('ALTER TABLE t ENABLE ALWAYS TRIGGER zzzz');
    expect(await warnings()).toEqual([]);
    await db.query('ALTER TABLE t DISABLE TRIGGER zzzz');
    expect(await warnings()).toEqual(['STAMP_NOT_KEPT']);
    await db.query('ALTER TABLE t ENABLE TRIGGER zzzz');
    await setUp(db, specOf([polled('t')]));
    expect(await warnings(polled('t'))).toEqual(['TRIGGER_AFTER_STAMP']);
    await db.query('DROP TRIGGER zzzz ON t; DROP INDEX ' + (await indexOf(db)));
    expect(await warnings(polled('t'))).toEqual(['CURSOR_INDEX_MISSING']);
  });

  test('refuses servers before 13', () => {
    expect(() => assertPollingVersion(120_022, '12.22')).toThrow('needs PostgreSQL 13');
    assertPollingVersion(130_000, '13.0');
  });
});

async function indexOf(db: Awaited<ReturnType<typeof testDatabase>>): Promise<string> {
  const rows = await db.query<{ name: string }>(
    "SELECT c.relname AS name FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] WHERE a.attname = 'certyo_xid'",
  );
  return rows[0]?.name ?? '';
}
