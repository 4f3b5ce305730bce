import { startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';

import { FLUSHED_LSN_SQL, waitForFlush, WRITTEN_LSN_SQL } from './flush-fence.ts';
import { notes, sessionOf, testLog } from './testing/log-table.ts';
import { openLog } from './testing/open-log.ts';

const signal = new AbortController().signal;
const major: number = inject('postgresMajor');

describe('openSequenceLog', () => {
  test('a prepared transaction is waited for, also across a crash of the server', async () => {
    await using server = await startPostgres({
      major,
      settings: { max_prepared_transactions: 10 },
    });
    await using it = await openLog({}, server);
    const writer = await it.db.client();
    await writer.query("BEGIN; INSERT INTO log (note) VALUES ('a')");
    await it.db.query("INSERT INTO log (note) VALUES ('b')");
    expect(await it.log.read({ signal })).toMatchObject({ through: 0n, pending: true });
    await writer.query("PREPARE TRANSACTION 'p'");
    for (let i = 0; i < 3; i += 1) {
      const page = await it.log.read({ signal });
      expect(page).toMatchObject({ rows: [], through: 0n, pending: true });
      expect(page.waitingFor).toMatchObject([{ pid: null }]);
    }
    await server.crash();
    await server.start();
    for (let i = 0; i < 3; i += 1)
      expect(await it.log.read({ signal })).toMatchObject({ rows: [], through: 0n, pending: true });
    await it.db.query("COMMIT PREPARED 'p'");
    expect(notes(await it.log.read({ signal }))).toEqual(['a', 'b']);
  });

  test('a crash leaves numbers behind that nobody will use: they are passed', async () => {
    await using server = await startPostgres({ major });
    await using it = await openLog({}, server);
    const writer = await it.db.client();
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await writer.query("BEGIN; INSERT INTO log (note) VALUES ('gone')");
    await it.db.query("INSERT INTO log (note) VALUES ('b')");
    expect(notes(await it.log.read({ signal }))).toEqual(['a']);
    await server.crash();
    await server.start();
    // A new connection: the old one does not know yet.
    await (await it.db.client()).query("INSERT INTO log (note) VALUES ('c')");
    const given: (string | null)[] = [];
    await expect
      .poll(async () => {
        given.push(...notes(await it.log.read({ signal })));
        return given;
      })
      .toEqual(['b', 'c']);
  });

  test('P-17: what is not on disk is not handed over, and the number is given to another row after a crash', async () => {
    // The log writer does not come by itself.
    await using server = await startPostgres({ major, settings: { wal_writer_delay: '10s' } });
    await using it = await openLog({}, server);
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await it.log.read({ signal });
    // Busy, so that it is not asleep and is not woken either.
    const writer = await it.db.client();
    await writer.query('SET synchronous_commit = off');
    await writer.query("INSERT INTO log (note) VALUES ('first')");
    await writer.query("INSERT INTO log (note) VALUES ('phantom')");
    expect(await it.db.query("SELECT note FROM log WHERE note = 'phantom'")).toHaveLength(1);
    let given: readonly (string | null)[] = [];
    const reading = it.log.read({ signal }).then(
      (page) => {
        given = notes(page);
        return null;
      },
      (error: unknown) => error,
    );
    const flushed = await it.db.query<{ behind: boolean }>(
      `SELECT ${FLUSHED_LSN_SQL}::numeric < ${WRITTEN_LSN_SQL}::numeric AS behind`,
    );
    await server.crash();
    expect(await reading).toMatchObject({ retryable: true });
    expect(given).not.toContain('phantom');
    await server.start();
    expect(flushed).toEqual([{ behind: true }]);
    const gone = await it.db
      .query("SELECT note FROM log WHERE note = 'phantom'")
      .catch(() => it.db.query("SELECT note FROM log WHERE note = 'phantom'"));
    expect(gone).toEqual([]);
    await it.db.query("INSERT INTO log (note) VALUES ('other')");
    const rest: (string | null)[] = [];
    await expect
      .poll(async () => {
        rest.push(...notes(await it.log.read({ signal })));
        return rest.at(-1);
      })
      .toBe('other');
    expect(rest).not.toContain('phantom');
  });

  test('P-15: a standby does not show who writes on the primary: it is not read, and waited out', async () => {
    await using server = await startPostgres({ major });
    await using it = await openLog({}, server);
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await using standby = await startPostgres({ standbyOf: server });
    const session = sessionOf({ url: standby.urlOf(it.db.database) });
    try {
      await expect(testLog(session).read({ signal })).rejects.toMatchObject({
        code: 'SOURCE_UNREACHABLE',
        retryable: true,
      });
    } finally {
      await session.close();
    }
  });

  test('P-17: a row waits for the disk, and no longer', async () => {
    await using server = await startPostgres({ major, settings: { wal_writer_delay: '10s' } });
    await using it = await openLog({}, server);
    const open = await it.db.client();
    // Is written, and not flushed before somebody commits.
    await open.query("BEGIN; CREATE TABLE other (t text); INSERT INTO other VALUES ('x')");
    await it.db.query("INSERT INTO log (note) VALUES ('a')");
    await open.query("INSERT INTO other SELECT 'y' FROM generate_series(1, 10)");
    const session = sessionOf(it.db);
    const reading = testLog(session).read({ signal });
    await it.db.query("INSERT INTO log (note) VALUES ('b')");
    expect(notes(await reading)[0]).toBe('a');
    // Rows of transactions that ended before something that is on disk do not wait.
    await open.query("INSERT INTO other SELECT 'y' FROM generate_series(1, 10)");
    await session.close();
    await open.query('ROLLBACK');
  });

  test('what sleeps is woken: without any other commit a row comes within seconds', async () => {
    await using server = await startPostgres({ major });
    await using it = await openLog({}, server);
    const open = await it.db.client();
    await open.query('BEGIN; CREATE TABLE other (t text)');
    const { rows } = await it.session.query<{ readonly written: string }>(
      `SELECT ${WRITTEN_LSN_SQL} AS written`,
      [],
      { signal },
    );
    const written = BigInt(rows[0]?.written ?? 0);
    const before = performance.now();
    expect(await waitForFlush(it.session, written, { signal })).toBeGreaterThanOrEqual(written);
    expect(performance.now() - before).toBeLessThan(4000);
  });
});
