import { testDatabase } from '@certyo-cdc/testing/vitest';
import pg from 'pg';
import { describe, expect, test } from 'vitest';

import { sqlSession } from '../connection/sql-session.ts';
import { openLog } from './testing/open-log.ts';
import { LOG_TABLE_SQL, notes, sessionOf, testLog, type TestPage } from './testing/log-table.ts';

const signal = new AbortController().signal;

describe('openSequenceLog', () => {
  test('O-01: a row that commits later than those behind it is waited for', async () => {
    await using it = await openLog();
    const late = await it.db.client();
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await late.query("BEGIN; INSERT INTO log (note) VALUES ('b')");
    await it.db.query("INSERT INTO log (note) VALUES ('c')");
    const first = await it.log.read({ signal });
    expect(notes(first)).toEqual(['a']);
    expect(first).toMatchObject({ through: 1n, endsAt: 1n, pending: true, hasMore: false });
    const [pid] = (await late.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
    expect(first.waitingFor).toMatchObject([pid]);
    expect(notes(await it.log.read({ signal }))).toEqual([]);
    await late.query('COMMIT');
    const second = await it.log.read({ signal });
    expect(notes(second)).toEqual(['b', 'c']);
    expect(second).toMatchObject({ through: 3n, endsAt: 3n, pending: false, waitingFor: [] });
  });

  test('what was rolled back, wholly or to a savepoint, is passed in one read when its transaction is over', async () => {
    await using it = await openLog();
    const late = await it.db.client();
    await late.query("BEGIN; INSERT INTO log (note) VALUES ('gone')");
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    expect(await it.log.read({ signal })).toMatchObject({ rows: [], through: 0n, pending: true });
    await late.query('ROLLBACK');
    expect(notes(await it.log.read({ signal }))).toEqual(['a']);
    await late.query(
      "BEGIN; SAVEPOINT s; INSERT INTO log (note) VALUES ('gone'); ROLLBACK TO s; INSERT INTO log (note) VALUES ('b'); COMMIT",
    );
    expect(notes(await it.log.read({ signal }))).toEqual(['b']);
    // At the end too, where no row follows.
    await late.query("BEGIN; INSERT INTO log (note) VALUES ('gone'); ROLLBACK");
    expect(await it.log.read({ signal })).toMatchObject({
      through: 5n,
      endsAt: 5n,
      pending: false,
    });
  });

  test('P-10: neither an idle transaction with an id nor one with an old snapshot holds anything up', async () => {
    await using it = await openLog();
    await it.db.query('CREATE TABLE other (id int)');
    const idle = await it.db.client();
    const old = await it.db.client();
    await idle.query('BEGIN; INSERT INTO other VALUES (1)');
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current()');
    await it.db.query("BEGIN; INSERT INTO log (note) VALUES ('gone'); ROLLBACK");
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    expect(await it.log.read({ signal })).toMatchObject({ through: 2n, pending: false });
  });

  test('a writer that came later does not hold up a number that was rolled back before it came', async () => {
    await using it = await openLog();
    const first = await it.db.client();
    const second = await it.db.client();
    await first.query("BEGIN; INSERT INTO log (note) VALUES ('gone')");
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await it.log.read({ signal });
    // A number counts as drawn when that is on disk; others write to this server too.
    const [written] = await it.db.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    await expect
      .poll(() =>
        it.db.query(
          'SELECT 1 WHERE pg_wal_lsn_diff($1::pg_lsn, pg_current_wal_flush_lsn()) <= 24',
          [written?.['lsn']],
        ),
      )
      .toHaveLength(1);
    await it.log.read({ signal });
    await second.query("BEGIN; INSERT INTO log (note) VALUES ('b')");
    await it.log.read({ signal });
    await first.query('ROLLBACK');
    const page = await it.log.read({ signal });
    expect(notes(page)).toEqual(['a']);
    expect(page).toMatchObject({ through: 2n, pending: true });
    await second.query('COMMIT');
    expect(notes(await it.log.read({ signal }))).toEqual(['b']);
  });

  test('pages are bounded by rows and by bytes, and hold at least one row', async () => {
    await using it = await openLog({ maxRows: 4, maxBytes: 1000 });
    await it.db.query(
      "INSERT INTO log (note) SELECT CASE WHEN g = 6 THEN repeat('x', 100000) ELSE g::text END FROM generate_series(1, 9) g",
    );
    const pages: TestPage[] = [];
    do pages.push(await it.log.read({ signal }));
    while (pages.at(-1)?.hasMore === true);
    expect(pages.map((page) => page.rows.map((row) => Number(row.sequence)))).toEqual([
      [1, 2, 3, 4],
      [5, 6],
      [7, 8, 9],
    ]);
    // One transaction: it ends with its last row only.
    expect(pages.map(({ endsAt }) => endsAt)).toEqual([null, null, 9n]);
  });

  test('I2: an end lies where no transaction straddles', async () => {
    await using it = await openLog();
    const a = await it.db.client();
    const b = await it.db.client();
    await it.db.query("INSERT INTO log (note) VALUES ('1')");
    await a.query("BEGIN; INSERT INTO log (note) VALUES ('2')");
    await b.query("BEGIN; INSERT INTO log (note) VALUES ('3')");
    await a.query("INSERT INTO log (note) VALUES ('4'); COMMIT");
    const first = await it.log.read({ signal });
    // 2 is given, but 4 of the same transaction lies behind 3.
    expect(first).toMatchObject({ through: 2n, endsAt: 1n, pending: true });
    await b.query('COMMIT');
    expect(await it.log.read({ signal })).toMatchObject({ through: 4n, endsAt: 4n });
    // Who goes on from the end sees the whole transaction.
    const again = await testLog(it.session, { after: 1n }).read({ signal });
    expect(notes(again)).toEqual(['2', '3', '4']);
  });

  test('guards are read in the snapshot of the rows', async () => {
    await using it = await openLog({
      guards: { rows: 'SELECT count(*) FROM public.log', nothing: 'NULL' },
    });
    await it.db.query("INSERT INTO log (note) VALUES ('a'), ('b')");
    const writer = await it.db.client();
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await writer.query("INSERT INTO log (note) VALUES ('more')");
    })();
    let given = 0;
    for (let i = 0; i < 50; i += 1) {
      const page = await it.log.read({ signal });
      given += page.rows.length;
      expect(page.guards.nothing).toBeNull();
      if (!page.hasMore) expect(page.guards.rows).toBe(String(given));
    }
    isOver = true;
    await writing;
  });

  test('what was committed before committedTo is handed over when through has reached it', async () => {
    await using it = await openLog();
    expect(await it.log.committedTo({ signal })).toBe(0n);
    const late = await it.db.client();
    await late.query("BEGIN; INSERT INTO log (note) VALUES ('late')");
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    expect(await it.log.committedTo({ signal })).toBe(2n);
  });

  test('GAP_LOG: a sequence that was set back', async () => {
    await using it = await openLog();
    await it.db.query("INSERT INTO log (note) VALUES ('a'), ('b')");
    await it.log.read({ signal });
    await it.db.query("SELECT setval('log_sequence', 1)");
    await expect(it.log.read({ signal })).rejects.toMatchObject({ code: 'GAP_LOG' });
  });

  test('O-03: a sequence that hands out numbers in advance is refused with the SQL', async () => {
    await using it = await openLog();
    await it.db.query('ALTER SEQUENCE log_sequence CACHE 20');
    await expect(it.log.read({ signal })).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      remedy: expect.stringContaining('ALTER SEQUENCE "public"."log_sequence"') as string,
    });
  });

  test('other names, without transaction ids, numbers that come in steps, names that need quotes', async () => {
    await using db = await testDatabase();
    await db.query('CREATE SCHEMA "my ""schema"');
    await db.query(
      `CREATE TABLE "my ""schema"."the log's" ("Id" int GENERATED ALWAYS AS IDENTITY (INCREMENT 5) PRIMARY KEY, "log" text)`,
    );
    const schema = 'my "schema';
    const session = sessionOf(db);
    try {
      const log = testLog(session, {
        table: { schema, name: "the log's" },
        sequence: { schema, name: "the log's_Id_seq" },
        sequenceColumn: 'Id',
        xidColumn: null,
        select: { note: 'log."log"' },
      });
      await db.query(`INSERT INTO "my ""schema"."the log's" ("log") VALUES ('a'), ('b')`);
      const first = await log.read({ signal });
      expect(notes(first)).toEqual(['a']);
      expect(first).toMatchObject({ through: 1n, endsAt: 1n, hasMore: true });
      const second = await log.read({ signal });
      expect(notes(second)).toEqual(['b']);
      expect(second).toMatchObject({ through: 6n, endsAt: 6n, hasMore: false });
    } finally {
      await session.close();
    }
  });

  test('over a pool, while settings of the role say otherwise', async () => {
    await using db = await testDatabase();
    await db.query(LOG_TABLE_SQL);
    const pool = new pg.Pool({ connectionString: db.url });
    // `end()` does not wait for its connections: the database may be dropped under them.
    pool.on('error', () => undefined);
    const session = sqlSession(pool);
    try {
      const log = testLog(session);
      const late = await db.client();
      await late.query("BEGIN; INSERT INTO log (note) VALUES ('gone')");
      await db.query("INSERT INTO log (note) VALUES ('a')");
      expect(await log.read({ signal })).toMatchObject({ rows: [], pending: true });
      await late.query('ROLLBACK');
      expect(notes(await log.read({ signal }))).toEqual(['a']);
    } finally {
      await session.close();
      await pool.end();
    }
  });

  test('an abort rejects with its reason, and the log goes on behind what it gave', async () => {
    await using it = await openLog();
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await it.log.read({ signal });
    const locker = await it.db.client();
    await locker.query('BEGIN; LOCK TABLE log');
    const controller = new AbortController();
    const reason = new Error('enough');
    const reading = it.log.read({ signal: controller.signal });
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await locker.query("ROLLBACK; INSERT INTO log (note) VALUES ('b')");
    expect(notes(await it.log.read({ signal }))).toEqual(['b']);
  });
});
