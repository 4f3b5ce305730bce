import { resolveTables, type SqlSession } from '@certyo-cdc/postgres';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { openSession, polled, setUp, specOf } from '../testing/setup.ts';
import { reconcileKeys, rememberKeys } from './key-ledger.ts';
import { type KeyedTable, readKeyedTable } from './keyed-table.ts';
import { readTombstones } from './read-tombstones.ts';

const { signal } = new AbortController();
const target = { schema: 'certyo', name: 'p' };
type Db = Awaited<ReturnType<typeof testDatabase>>;

async function ledgerOf(session: SqlSession, key: readonly string[] = ['id']): Promise<KeyedTable> {
  const [table] = await resolveTables(session, ['t'], { signal });
  if (table === undefined) throw new Error('no table');
  return await readKeyedTable(session, table, key, { signal });
}

/** One whole round of comparison. */
async function round(
  session: SqlSession,
  table: KeyedTable,
  maxKeys = 3,
): Promise<{ compared: number; gone: number; steps: number }> {
  const sum = { compared: 0, gone: 0, steps: 0 };
  let after: readonly string[] | null = null;
  do {
    const step = await reconcileKeys(session, target, table, { after, maxKeys, signal });
    sum.compared += step.compared;
    sum.gone += step.gone;
    sum.steps++;
    after = step.next;
  } while (after !== null);
  return sum;
}

async function read(session: SqlSession, table: KeyedTable): Promise<string[]> {
  const page = await readTombstones(session, target, table, {
    after: null,
    below: null,
    maxRows: 100,
    maxBytes: 1_000_000,
    signal,
  });
  return page.tombstones.map((one) =>
    one.kind === 'deleted'
      ? `${one.reason} ${one.key.join('|')} ${one.xid}/${one.sequence}`
      : one.kind,
  );
}

async function keys(db: Db): Promise<string[]> {
  const rows = await db.query<{ key: string[] }>('SELECT key FROM certyo.p_keys ORDER BY key');
  return rows.map(({ key }) => key.join('|'));
}

describe('reconcileKeys', () => {
  test('P-07: rows that are gone, by DELETE, TRUNCATE of a partition or DROP of one, become tombstones; those that live do not', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      "CREATE TABLE t (id int, part text, v numeric, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE ta PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE tb PARTITION OF t FOR VALUES IN ('b'); CREATE TABLE tc PARTITION OF t FOR VALUES IN ('c')",
    );
    await setUp(db, specOf([polled('t', { hardDeletes: 'reconcile' })]));
    await db.query(
      "INSERT INTO t SELECT i, p FROM generate_series(1, 3) i, unnest(ARRAY['a', 'b', 'c']) p",
    );
    const table = await ledgerOf(session, ['id', 'part']);
    const all = ['1', '2', '3'].flatMap((id) => ['a', 'b', 'c'].map((part) => [id, part]));
    await rememberKeys(session, target, table, all, { signal });
    await rememberKeys(session, target, table, all.slice(0, 2), { signal });
    expect(await round(session, table)).toEqual({ compared: 9, gone: 0, steps: 4 });
    await db.query("DELETE FROM t WHERE id = 1 AND part = 'a'; TRUNCATE tb; DROP TABLE tc");
    expect(await round(session, table, 4)).toMatchObject({ compared: 9, gone: 7 });
    expect(await keys(db)).toEqual(['2|a', '3|a']);
    expect(await round(session, table)).toEqual({ compared: 2, gone: 0, steps: 1 });
    await expect.poll(async () => (await read(session, table)).length).toBe(7);
    const told = await read(session, table);
    expect(told.map((one) => one.split(' ')[1]).sort()).toEqual([
      '1|a',
      '1|b',
      '1|c',
      '2|b',
      '2|c',
      '3|b',
      '3|c',
    ]);
    // Whenever they are read, they are the same.
    expect(await read(session, table)).toEqual(told);
  });

  test('a row in flight is never reported: deleted and inserted again while keys are compared', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query(
      'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1), (2), (3), (4)',
    );
    await setUp(db, specOf([polled('t', { hardDeletes: 'reconcile' })]));
    const table = await ledgerOf(session);
    await rememberKeys(session, target, table, [['1'], ['2'], ['3'], ['4']], { signal });
    // 1: its delete is not committed. 2: deleted, the insert is not committed. 3: moved and back in one transaction.
    const deleting = await db.client();
    await deleting.query('BEGIN; DELETE FROM t WHERE id = 1');
    const inserting = await db.client();
    await inserting.query('BEGIN; SELECT pg_current_xact_id()');
    await db.query('DELETE FROM t WHERE id IN (2, 4)');
    await inserting.query(
      "INSERT INTO t VALUES (2, 'again'); DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3, 'again')",
    );
    expect(await round(session, table)).toMatchObject({ compared: 4, gone: 2 });
    // The tombstone of 2 waits behind the one that inserts it.
    expect(await read(session, table)).toEqual([]);
    await inserting.query('COMMIT');
    await deleting.query('ROLLBACK');
    await expect
      .poll(() => read(session, table))
      .toEqual([expect.stringMatching(/^reconciled 4 /)]);
    // Its row is read again, and remembered: a later delete is found.
    await rememberKeys(session, target, table, [['2'], ['3']], { signal });
    await db.query('DELETE FROM t');
    expect(await round(session, table)).toMatchObject({ gone: 3 });
    await expect
      .poll(async () => (await read(session, table)).map((one) => one.split(' ')[1]).sort())
      .toEqual(['1', '2', '3', '4']);
  });

  test('a process that dies in the middle leaves each key in the ledger or as a tombstone', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    await setUp(db, specOf([polled('t', { hardDeletes: 'reconcile' })]));
    const table = await ledgerOf(session);
    const all = Array.from({ length: 30 }, (_, index) => [String(index)]);
    await rememberKeys(session, target, table, all, { signal });
    const total = async (): Promise<number> =>
      (
        await db.query<{ n: number }>(
          'SELECT (SELECT count(*) FROM certyo.p_keys)::int + (SELECT count(*) FROM certyo.p_tombstones)::int AS n',
        )
      )[0]?.n ?? -1;
    const aborted = new AbortController();
    aborted.abort(new Error('stopped'));
    await expect(
      reconcileKeys(session, target, table, { after: null, maxKeys: 9, signal: aborted.signal }),
    ).rejects.toThrow('stopped');
    for (let cut = 0; cut < 3; cut++) {
      const dying = openSession(db.url);
      const step = reconcileKeys(dying, target, table, { after: null, maxKeys: 9, signal }).catch(
        () => null,
      );
      await db.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%MATERIALIZED%' AND pid <> pg_backend_pid()",
      );
      await step;
      await dying.close();
      expect(await total()).toBe(30);
    }
    await round(session, table);
    expect(await keys(db)).toEqual([]);
    expect(await total()).toBe(30);
  });

  test('keys of any text, also when the column has another type by now', async () => {
    await using db = await testDatabase();
    await using session = openSession(db.url);
    const texts = ['a"b', "it's", '{x,y}', 'back\\slash', 'NULL', '', ' ', 'é😀', '1'];
    await db.query('CREATE TABLE t (id text PRIMARY KEY)');
    await setUp(db, specOf([polled('t', { hardDeletes: 'reconcile' })]));
    await db.query('INSERT INTO t SELECT unnest($1::text[])', [texts]);
    const table = await ledgerOf(session);
    await rememberKeys(
      session,
      target,
      table,
      texts.map((text) => [text]),
      { signal },
    );
    expect(await round(session, table)).toMatchObject({ compared: texts.length, gone: 0 });
    await db.query("DELETE FROM t WHERE id <> '1'; ALTER TABLE t ALTER id TYPE int USING id::int");
    const altered = await ledgerOf(session);
    expect(await round(session, altered)).toMatchObject({ gone: texts.length - 1 });
    expect(await keys(db)).toEqual(['1']);
  });
});
