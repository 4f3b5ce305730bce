import type { SqlSession } from '@certyo-cdc/postgres';
import { resolveTables } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { type KeyedTable, readKeyedTable } from './keyed-table.ts';
import { pruneTombstones } from './prune-tombstones.ts';
import { readTombstones } from './read-tombstones.ts';
import type { Tombstone, TombstoneCursor } from './tombstone.ts';

const { signal } = new AbortController();
const target = { schema: 'certyo', name: 'p' };
type Db = Awaited<ReturnType<typeof testDatabase>>;

async function keyed(
  session: SqlSession,
  name: string,
  key: readonly string[],
): Promise<KeyedTable> {
  const [table] = await resolveTables(session, [name], { signal });
  if (table === undefined) throw new Error(`no table ${name}`);
  return await readKeyedTable(session, table, key, { signal });
}

/** Reads a whole window in pages and tells it shortly. */
async function readAll(
  session: SqlSession,
  table: KeyedTable,
  options: {
    after?: TombstoneCursor | null;
    below?: bigint | null;
    maxRows?: number;
    maxBytes?: number;
  } = {},
): Promise<{ told: string[]; below: bigint; tombstones: Tombstone[]; pages: number }> {
  let { after = null, below = null } = options;
  const tombstones: Tombstone[] = [];
  for (let pages = 1; ; pages++) {
    const page = await readTombstones(session, target, table, {
      after,
      below,
      maxRows: options.maxRows ?? 100,
      maxBytes: options.maxBytes ?? 1_000_000,
      signal,
    });
    tombstones.push(...page.tombstones);
    below = page.below;
    if (page.next === null) return { told: tombstones.map(tell), below, tombstones, pages };
    after = page.next;
  }
}

function tell(tombstone: Tombstone): string {
  if (tombstone.kind === 'truncated')
    return `truncated ${tombstone.relation.name}${tombstone.isWholeTable ? '' : ' alone'}`;
  return `${tombstone.reason} ${tombstone.key.join('|')}`;
}

/** The horizon is held back by transactions of other tests, in other databases, for moments. */
async function settled(session: SqlSession, table: KeyedTable, count: number): Promise<string[]> {
  await expect.poll(async () => (await readAll(session, table)).told.length).toBe(count);
  return (await readAll(session, table)).told;
}

async function horizonPast(db: Db, xid: string): Promise<void> {
  await expect
    .poll(async () => {
      const rows = await db.query<{ past: boolean }>(
        'SELECT $1::text::xid8 < pg_snapshot_xmin(pg_current_snapshot()) AS past',
        [xid],
      );
      return rows[0]?.past;
    })
    .toBe(true);
}

async function currentXid(db: Db): Promise<string> {
  return (
    (await db.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid'))[0]?.xid ?? ''
  );
}

describe('readTombstones', () => {
  test('P-07, P-18: DELETE, CASCADE, a changed key, TRUNCATE, under any settings of the writer and without any grant', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE t (id numeric, flag bool, code char(4), at timestamptz, bytes bytea, parent int REFERENCES parent ON DELETE CASCADE, PRIMARY KEY (id, flag, code))',
    );
    await setUp(db, specOf([polled('t')]));
    const writer = `writer_${db.database}`;
    await db.query(
      `CREATE ROLE ${writer} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON t, parent TO ${writer}`,
    );
    try {
      const client = await db.client({ user: writer });
      await client.query(
        "SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'; SET bytea_output = 'escape'; SET search_path = pg_temp; SET intervalstyle = 'sql_standard'",
      );
      await client.query(
        "INSERT INTO public.parent VALUES (1), (2); INSERT INTO public.t VALUES (1.0, true, 'ab', '2026-01-02T03:04:05.678901Z', '\\x00ff', 1), (2, false, 'c', NULL, NULL, 2), (3, false, 'd', NULL, NULL, NULL), (4, true, 'e', NULL, NULL, NULL)",
      );
      await client.query('DELETE FROM public.parent WHERE id = 1');
      await client.query('UPDATE public.t SET id = 2.00 WHERE id = 2');
      await client.query('DELETE FROM public.t WHERE id = 3');
      await expect(client.query('SELECT * FROM certyo.p_tombstones')).rejects.toMatchObject({
        code: '42501',
      });
      await expect(client.query('SELECT certyo.p_deleted_x()')).rejects.toMatchObject({
        code: '42501',
      });
      await client.query('TRUNCATE public.t');
      const table = await keyed(session, 't', ['id', 'flag', 'code']);
      expect(await settled(session, table, 4)).toEqual([
        'deleted 1.0|t|ab  ',
        'key-changed 2|f|c   ',
        'deleted 3|f|d   ',
        'truncated t',
      ]);
      const [first] = (await readAll(session, table)).tombstones;
      expect(first).toMatchObject({
        row: [
          '1.0',
          't',
          'ab  ',
          '2026-01-02 03:04:05.678901+00',
          '\\x00ff',
          '1',
          expect.stringMatching(/^\d+$/),
        ],
        deletedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      });
      expect(
        first?.kind === 'deleted'
          ? first.columns?.map(({ name, typeName }) => `${name} ${typeName}`)
          : null,
      ).toEqual([
        'id numeric',
        'flag boolean',
        'code character(4)',
        'at timestamp with time zone',
        'bytes bytea',
        'parent integer',
        'certyo_xid xid8',
      ]);
      await client.end();
    } finally {
      await db.query(`DROP OWNED BY ${writer}`);
      await db.query(`DROP ROLE ${writer}`);
    }
  });

  test('the replica role is seen too, and names of columns are those of the moment, also between DDL in one transaction', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      'CREATE TABLE t (id int PRIMARY KEY, a text, b int); INSERT INTO t SELECT i, i, i FROM generate_series(1, 4) i',
    );
    await setUp(db, specOf([polled('t')]));
    const client = await db.client();
    await client.query("SET session_replication_role = 'replica'");
    await client.query(
      'BEGIN; DELETE FROM t WHERE id = 1; ALTER TABLE t RENAME a TO c; DELETE FROM t WHERE id = 2; ALTER TABLE t DROP b, ADD d bool DEFAULT true; DELETE FROM t WHERE id = 3; COMMIT',
    );
    const table = await keyed(session, 't', ['id']);
    await settled(session, table, 3);
    const { tombstones } = await readAll(session, table);
    const told = tombstones.map(
      (one) =>
        one.kind === 'deleted' && [
          one.columns?.map(({ name }) => name).join(),
          one.row?.slice(0, -1).join(),
          one.row?.length,
        ],
    );
    expect(told).toEqual([
      ['id,a,b,certyo_xid', '1,1,1', 4],
      ['id,c,b,certyo_xid', '2,2,2', 4],
      ['id,c,certyo_xid,d', '3,3,3', 4],
    ]);
  });

  test('a key column that was renamed does not make the delete fail; reading stops at it', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
    await setUp(db, specOf([polled('t')]));
    await db.query('ALTER TABLE t RENAME id TO nr');
    await db.query('DELETE FROM t');
    const table = await keyed(session, 't', ['nr']);
    await expect
      .poll(async () => {
        try {
          return await readAll(session, table).then(({ told }) => told);
        } catch (error) {
          return (error as { code?: string }).code;
        }
      })
      .toBe('GAP_TABLE');
  });

  test('the row wins where it lives: deleted and inserted again, in one transaction or by one with a smaller xid', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'old' FROM generate_series(1, 6) i",
    );
    await setUp(db, specOf([polled('t')]));
    const table = await keyed(session, 't', ['id']);
    // 1: deleted, then inserted in one transaction. 7: the other way round.
    await db.query(
      "BEGIN; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'new'); INSERT INTO t VALUES (7, 'x'); DELETE FROM t WHERE id = 7; COMMIT",
    );
    // 2: the older transaction inserts after the younger one has deleted. 3: and deletes again.
    const older = await db.client();
    await older.query('BEGIN; SELECT pg_current_xact_id()');
    await db.query('DELETE FROM t WHERE id IN (2, 3)');
    await older.query("INSERT INTO t VALUES (2, 'new'), (3, 'new'); DELETE FROM t WHERE id = 3");
    // 4 and 5 swap their keys.
    await db.query(
      'UPDATE t SET id = 40 WHERE id = 4; UPDATE t SET id = 4 WHERE id = 5; UPDATE t SET id = 5 WHERE id = 40',
    );
    // Nothing of the older one's time is given before it ends.
    const early = await readAll(session, table);
    expect(early.told.filter((one) => !one.endsWith(' 7'))).toEqual([]);
    await older.query('COMMIT');
    const last = await currentXid(db);
    await horizonPast(db, last);
    const { told, tombstones } = await readAll(session, table);
    expect([...told].sort()).toEqual(['deleted 3', 'deleted 7', 'key-changed 40']);
    const third = tombstones.find((one) => one.kind === 'deleted' && one.key[0] === '3');
    expect(third?.kind === 'deleted' ? third.row?.slice(0, 2) : null).toEqual(['3', 'new']);
  });

  test('partitions: a moved row lives, a partition truncated alone is told, the whole table once', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      'CREATE TABLE t (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE t1 (part int NOT NULL, id int NOT NULL); ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2); INSERT INTO t VALUES (1, 1), (2, 1), (3, 1), (4, 2)',
    );
    const spec = specOf([polled('t', { key: ['id', 'part'] })]);
    await setUp(db, spec);
    await db.query('CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3); INSERT INTO t VALUES (6, 3)');
    await db.query(
      'UPDATE t SET part = 2 WHERE id = 1; DELETE FROM t1 WHERE id = 2; DELETE FROM t WHERE id = 6',
    );
    const table = await keyed(session, 't', ['id', 'part']);
    expect(await settled(session, table, 3)).toEqual(['deleted 1|1', 'deleted 2|1', 'deleted 6|3']);
    const [, second] = (await readAll(session, table)).tombstones;
    expect(second?.kind === 'deleted' ? second.row?.slice(0, 2) : null).toEqual(['1', '2']);
    await setUp(db, spec);
    await db.query('TRUNCATE t3');
    await db.query('TRUNCATE t');
    expect((await settled(session, table, 5)).slice(3)).toEqual([
      'truncated t3 alone',
      'truncated t',
    ]);
  });

  test('pages by rows and bytes give everything once; a page that is read again gives the same', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      "CREATE TABLE t (id text COLLATE \"C\" PRIMARY KEY, v text); INSERT INTO t SELECT 'k' || i, repeat('x', 1000) FROM generate_series(1, 40) i",
    );
    await setUp(db, specOf([polled('t')]));
    await db.query('DELETE FROM t');
    const table = await keyed(session, 't', ['id']);
    await settled(session, table, 40);
    const whole = await readAll(session, table);
    expect(whole.pages).toBe(1);
    for (const limits of [{ maxRows: 7 }, { maxBytes: 2500 }, { maxRows: 40 }, { maxBytes: 1 }]) {
      const paged = await readAll(session, table, { ...limits, below: whole.below });
      expect(paged.tombstones).toEqual(whole.tombstones);
      expect(paged.pages).toBeGreaterThan(1);
    }
  });

  test('a key whose type was changed is compared as text; one of an extension type by its own operators', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      "CREATE TABLE t (id text PRIMARY KEY); INSERT INTO t VALUES ('a'), ('1'), ('2')",
    );
    await setUp(db, specOf([polled('t')]));
    await db.query("DELETE FROM t WHERE id IN ('a', '1')");
    await db.query(
      'DROP TRIGGER certyo_p_key ON t; ALTER TABLE t ALTER id TYPE int USING id::int; INSERT INTO t VALUES (1)',
    );
    await setUp(db, specOf([polled('t')]));
    const table = await keyed(session, 't', ['id']);
    expect(await settled(session, table, 1)).toEqual(['deleted a']);
    const has = await db.query("SELECT 1 FROM pg_available_extensions WHERE name = 'citext'");
    if (has.length === 0) return;
    await db.query(
      "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE c (id ext.citext PRIMARY KEY); INSERT INTO c VALUES ('A'), ('b')",
    );
    await setUp(db, specOf([polled('t'), polled('c')]));
    await db.query("UPDATE c SET id = 'a' WHERE id = 'A'; DELETE FROM c WHERE id = 'b'");
    const other = await keyed(session, 'c', ['id']);
    expect(other.key[0]?.equals).toBe('OPERATOR("ext".=)');
    expect(await settled(session, other, 2)).toEqual(['key-changed A', 'deleted b']);
  });
});

describe('pruneTombstones', () => {
  test('removes what is acknowledged, in steps, and nothing else; keeps the one that stands in for an earlier one', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5); INSERT INTO u VALUES (1)',
    );
    await setUp(db, specOf([polled('t'), polled('u')]));
    const table = await keyed(session, 't', ['id']);
    const older = await db.client();
    await older.query('BEGIN');
    const { rows } = (await older.query('SELECT pg_current_xact_id()::text AS xid')) as {
      rows: { xid: string }[];
    };
    const olderXid = BigInt(rows[0]?.xid ?? 0);
    await db.query('DELETE FROM t WHERE id = 1; DELETE FROM u');
    await older.query('INSERT INTO t VALUES (1); DELETE FROM t WHERE id = 1; COMMIT');
    await db.query('DELETE FROM t WHERE id IN (2, 3)');
    const last = BigInt(await currentXid(db));
    const count = async (): Promise<number> =>
      (await db.query<{ n: number }>('SELECT count(*)::int AS n FROM certyo.p_tombstones'))[0]?.n ??
      -1;
    expect(await count()).toBe(5);
    // Acknowledged up to the older one: its tombstone hides the younger one, which was written before.
    expect(
      await pruneTombstones(session, target, table, { below: olderXid + 1n, maxRows: 10, signal }),
    ).toBe(0);
    expect(await pruneTombstones(session, target, table, { below: last, maxRows: 3, signal })).toBe(
      3,
    );
    expect(await pruneTombstones(session, target, table, { below: last, maxRows: 3, signal })).toBe(
      1,
    );
    expect(await pruneTombstones(session, target, table, { below: last, maxRows: 3, signal })).toBe(
      0,
    );
    expect(await count()).toBe(1);
  });
});
