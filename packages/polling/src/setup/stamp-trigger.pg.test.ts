import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { polled, setUp, specOf } from '../testing/setup.ts';

type Db = Awaited<ReturnType<typeof testDatabase>>;

async function stamps(db: Db, table = 't'): Promise<Record<string, string>> {
  const rows = await db.query<{ id: number; xid: string }>(
    `SELECT id, certyo_xid::text AS xid FROM ${table} ORDER BY id`,
  );
  return Object.fromEntries(rows.map(({ id, xid }) => [String(id), xid]));
}

/** Runs statements in one transaction and gives its id. */
async function inTransaction(db: Db, sql: string): Promise<string> {
  const client = await db.client();
  await client.query('BEGIN');
  const { rows } = (await client.query('SELECT pg_current_xact_id()::text AS xid')) as {
    rows: { xid: string }[];
  };
  await client.query(sql);
  await client.query('COMMIT');
  return rows[0]?.xid ?? '';
}

describe('stampFunction', () => {
  test('stamps every write with the top-level transaction, whatever the writer puts into the column (P-11)', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await setUp(db, specOf([polled('t')]));
    const inserted = await inTransaction(
      db,
      "INSERT INTO t (id, certyo_xid) VALUES (1, '18446744073709551615'), (2, '3'); SAVEPOINT s; INSERT INTO t VALUES (3); RELEASE s",
    );
    expect(await stamps(db)).toEqual({ 1: inserted, 2: inserted, 3: inserted });
    const updated = await inTransaction(
      db,
      "UPDATE t SET v = 'x', certyo_xid = '5' WHERE id = 1; INSERT INTO t VALUES (2) ON CONFLICT (id) DO UPDATE SET v = 'y', certyo_xid = '9'",
    );
    expect(await stamps(db)).toEqual({ 1: updated, 2: updated, 3: inserted });
    const touched = await inTransaction(db, 'UPDATE t SET certyo_xid = DEFAULT WHERE id = 3');
    expect(await stamps(db)).toEqual({ 1: updated, 2: updated, 3: touched });
    const copied = await db.client();
    await copied.query("SET session_replication_role = 'replica'");
    await copied.query("UPDATE t SET v = 'replicated' WHERE id = 1");
    expect(Number((await stamps(db))['1'])).toBeGreaterThan(Number(touched));
  });

  test('I10: an update of nothing but the status columns keeps the stamp, also of rows older than columns', async () => {
    await using db = await testDatabase();
    await db.query(
      'CREATE TABLE t (id int PRIMARY KEY, v numeric, doc json, twice numeric GENERATED ALWAYS AS (v * 2) STORED); INSERT INTO t VALUES (1, 1.0, \'{"a": 1}\'), (2, 1.0, NULL)',
    );
    await setUp(db, specOf([polled('t', { lastUpdate: 'last_update' })]));
    // The columns of write-back come after the trigger: it need not be made again.
    await db.query(
      "ALTER TABLE t ADD certyo_record_hash text, ADD certyo_anchor_status text DEFAULT 'none', ADD later int DEFAULT 7",
    );
    const before = await db.query('SELECT id, certyo_xid::text, last_update FROM t ORDER BY id');
    await db.query("UPDATE t SET certyo_record_hash = 'h', certyo_anchor_status = 'Anchored'");
    await db.query("UPDATE t SET certyo_record_hash = 'i', v = v");
    expect(await db.query('SELECT id, certyo_xid::text, last_update FROM t ORDER BY id')).toEqual(
      before,
    );
    // 1.0 and 1.00 are equal and not the same; so are two texts of one json document.
    for (const change of ['v = 1.00', `doc = '{"a":1}'`, 'later = NULL']) {
      const last = await stamps(db);
      await db.query(`UPDATE t SET certyo_record_hash = 'j', ${change} WHERE id = 1`);
      expect(Number((await stamps(db))['1']), change).toBeGreaterThan(Number(last['1']));
      expect((await stamps(db))['2'], change).toBe('3');
    }
  });

  test('counts what other BEFORE triggers change', async () => {
    await using db = await testDatabase();
    await db.query(
      "CREATE TABLE t (id int PRIMARY KEY, v text, certyo_record_hash text); INSERT INTO t VALUES (1, 'a', 'h')",
    );
    await db.query(
      "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := NEW.v || '!'; RETURN NEW; END $$; CREATE TRIGGER zz BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()",
    );
    await setUp(db, specOf([polled('t')]));
    await db.query("UPDATE t SET certyo_record_hash = 'i'");
    expect(Number((await stamps(db))['1'])).toBeGreaterThan(3);
  });

  test('keeps the time of the last write growing, whatever the writer puts into it (P-02)', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    await setUp(db, specOf([polled('t', { lastUpdate: 'at' })]));
    await db.query("INSERT INTO t (id, v, at) VALUES (1, 1, '2099-01-01')");
    const time = async (): Promise<string> =>
      (await db.query<{ at: string }>('SELECT extract(epoch FROM at)::text AS at FROM t'))[0]?.at ??
      '';
    const first = await time();
    expect(Number(first)).toBeLessThan(Date.now() / 1000 + 60);
    const client = await db.client();
    await client.query("BEGIN; UPDATE t SET v = 2, at = '2000-01-01'; UPDATE t SET v = 3; COMMIT");
    expect(Number(await time())).toBeGreaterThan(Number(first));
  });

  test('partitioned tables: rows are stamped in every partition, in those that come later, and when they move', async () => {
    await using db = await testDatabase();
    await db.query(
      'CREATE TABLE t (id int, part int, v int, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (part); CREATE TABLE t2a PARTITION OF t2 FOR VALUES IN (2); INSERT INTO t VALUES (1, 1), (2, 2)',
    );
    for (const concurrently of [true, false]) {
      await setUp(db, specOf([polled('t')], { concurrently }));
      expect(await setUp(db, specOf([polled('t')], { concurrently }))).toEqual([]);
    }
    expect(await stamps(db)).toEqual({ 1: '3', 2: '3' });
    await db.query('CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)');
    const enabled = await db.query(
      "SELECT DISTINCT tgenabled::text AS enabled FROM pg_trigger WHERE tgname LIKE '%certyo%'",
    );
    expect(enabled).toEqual([{ enabled: 'A' }]);
    const indexes = await db.query(
      "SELECT count(*)::int AS n, bool_and(x.indisvalid) AS valid FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] WHERE a.attname = 'certyo_xid'",
    );
    expect(indexes).toEqual([{ n: 5, valid: true }]);
    const xid = await inTransaction(
      db,
      'INSERT INTO t VALUES (3, 3); UPDATE t SET part = 3 WHERE id = 1; UPDATE t2a SET v = 1',
    );
    expect(await stamps(db)).toEqual({ 1: xid, 2: xid, 3: xid });
  });
});
