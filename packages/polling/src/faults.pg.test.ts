import { CdcError, type SourceEvent } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

async function codeOf(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(
    () => null,
    (reason: unknown) => reason,
  );
  return CdcError.is(error) ? error.code : String(error);
}

describe('pollingSource against the faults of polling', () => {
  test('P-01, P-02: a transaction that commits later under an older id is not lost, and nothing overtakes it', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, n int)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    const old = await it.db.client();
    await old.query('BEGIN');
    await old.query('INSERT INTO t VALUES (1, 1)');
    await it.db.query('INSERT INTO t VALUES (2, 1)');
    await it.db.query('UPDATE t SET n = 2 WHERE id = 2');
    await old.query('UPDATE t SET n = 3 WHERE id = 2');
    expect(reader.told).toEqual([]);
    await old.query('COMMIT');
    await reader.caughtUp();
    expect(reader.told.toSorted()).toEqual([
      'snapshot t {"id":1,"n":1}',
      'snapshot t {"id":2,"n":3}',
    ]);
  });

  test('P-03: 2,500 rows of one transaction under a composite key, in pages of 1,000: each once', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (a text COLLATE "C", b numeric, c boolean, d timestamptz, PRIMARY KEY (a, b, c, d))',
        "INSERT INTO t SELECT 'ä''\"' || i % 3, i / 7.0, i % 2 = 0, 'epoch'::timestamptz + i * interval '1 us' FROM generate_series(1, 2500) i",
      ],
      { tables: ['t'], maxPageRows: 1_000 },
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    expect(reader.rows.length).toBe(2_500);
    expect(new Set(reader.rows.map(({ id }) => id)).size).toBe(2_500);
    expect(reader.batches.filter(({ end }) => end !== null).length).toBe(1);
  });

  test('I7: a page ends by bytes; a window of many pages has ends in between, from which reading goes on', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, note text)',
        "INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1, 60) i",
      ],
      { tables: ['t'], maxPageBytes: 300_000 },
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    expect(reader.rows.length).toBe(60);
    expect(Math.max(...reader.batches.map(({ bytes }) => bytes))).toBeLessThan(450_000);
    const middle = reader.batches.findIndex(({ end }) => end !== null);
    const end = reader.batches[middle]?.end;
    if (end == null) throw new Error('No end was given.');
    const covered = reader.batches.slice(0, middle + 1).flatMap(({ events }) => events).length;
    expect(covered).toBeLessThan(60);
    const after = reader.stream.checkpoint(end);
    await reader[Symbol.asyncDispose]();
    await using again = await openReader(it.source, { after });
    await again.caughtUp();
    expect(again.rows.length).toBe(60 - covered);
  });

  test('P-06: a trigger that was disabled, if only for a while, is a gap', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await it.db.query('ALTER TABLE t DISABLE TRIGGER USER');
    expect(await codeOf(openReader(it.source, { after }))).toBe('GAP_TRIGGER');
    await it.source.setup();
    expect(await codeOf(openReader(it.source, { after }))).toBe('GAP_TRIGGER');
    // Without a checkpoint everything is read from its beginning.
    await using fresh = await openReader(it.source);
    await fresh.caughtUp();
    expect(fresh.told).toEqual(['snapshot t {"id":1}']);
  });

  test('P-07, P-08, P-09: soft deletes, purges, truncates and comparison of keys; states between two looks are not seen', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, deleted_at timestamptz); CREATE TABLE u (id int PRIMARY KEY)',
        'INSERT INTO t VALUES (1), (2); INSERT INTO u VALUES (1), (2)',
      ],
      {
        tables: [
          { table: 't', softDelete: { column: 'deleted_at' } },
          { table: 'u', hardDeletes: { reconcileMs: 3_600_000 } },
        ],
      },
    );
    expect(it.source.capabilities).toMatchObject({
      everyVersion: false,
      hardDeletes: 'reconciled',
      tables: { 'public.t': { hardDeletes: 'tombstone', softDeletes: true } },
    });
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    expect(reader.rows.length).toBe(4);
    await it.db.query("UPDATE t SET deleted_at = '2026-01-01 00:00:00+00' WHERE id = 1");
    await it.db.query('DELETE FROM u WHERE id = 1');
    await reader.caughtUp();
    const deleted = '{"deleted_at":"2026-01-01T00:00:00.000000Z","id":1}';
    expect(reader.told.slice(4).toSorted()).toEqual([`delete t ${deleted}`, 'delete u {"id":1}']);
    // Marked and purged between two looks: the tombstone tells.
    await it.db.query(
      "BEGIN; UPDATE t SET deleted_at = '2026-01-01 00:00:00+00' WHERE id = 2; DELETE FROM t; COMMIT",
    );
    await reader.caughtUp();
    const told = reader.told.slice(6).toSorted();
    expect(told).toEqual([`delete t ${deleted}`, `delete t ${deleted.replace('1}', '2}')}`]);
    await it.db.query('INSERT INTO t VALUES (3); TRUNCATE t; INSERT INTO t VALUES (4)');
    await reader.caughtUp();
    expect(reader.told.slice(8)).toEqual(['truncate t', 'snapshot t {"deleted_at":null,"id":4}']);
  });

  test('P-10: names who holds the horizon up, also a prepared transaction', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], {
      tables: ['t'],
      horizonWarningMs: 50,
    });
    const sourceEvents: SourceEvent[] = [];
    await using reader = await openReader(it.source, { sourceEvents });
    const idle = await it.db.client();
    await idle.query('BEGIN');
    const [{ pid } = { pid: 0 }] = (
      await idle.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, pg_current_xact_id()')
    ).rows;
    await it.db.query('INSERT INTO t VALUES (1)');
    const warned = (): string[] =>
      sourceEvents.flatMap((event) => (event.type === 'source-warned' ? [event.message] : []));
    await expect.poll(() => warned().join()).toContain(`process ${pid}`);
    await idle.query('COMMIT');
    await reader.caughtUp();
    expect(reader.told).toEqual(['snapshot t {"id":1}']);
  });

  test('P-11: rows of subtransactions carry the id of the transaction, and none of what was rolled back', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    const client = await it.db.client();
    await client.query('BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2)');
    await client.query('SAVEPOINT b; INSERT INTO t VALUES (3); ROLLBACK TO b; RELEASE a');
    await client.query('INSERT INTO t VALUES (4)');
    const { rows } = await client.query<{ xid: string }>(
      'SELECT pg_current_xact_id()::text AS xid',
    );
    await client.query('COMMIT');
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual([1, 2, 4]);
    expect(new Set(reader.rows.map((row) => row.transaction?.xid))).toEqual(
      new Set([rows[0]?.xid]),
    );
  });

  test('P-12: stamps of another server stop, with the SQL that makes them right', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    const foreign = { ...after, identity: { ...after.identity, systemIdentifier: '1' } };
    const error: unknown = await openReader(it.source, { after: foreign }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code: 'GAP_CHECKPOINT_FOREIGN',
      remedy: expect.stringContaining('UPDATE public.t SET "certyo_xid"') as string,
    });
    const other = { ...after, identity: { ...after.identity, timeline: 77 } };
    expect(await codeOf(openReader(it.source, { after: other }))).toBe('GAP_TIMELINE');
    await it.db.query(
      "BEGIN; SET LOCAL session_replication_role = replica; ALTER TABLE t DISABLE TRIGGER USER; UPDATE t SET certyo_xid = '999999999999'; ALTER TABLE t ENABLE ALWAYS TRIGGER zzz_certyo_stamp; COMMIT",
    );
    await it.source.setup();
    expect(await codeOf(openReader(it.source))).toBe('GAP_CHECKPOINT_FOREIGN');
    await it.db.query('UPDATE public.t SET "certyo_xid" = pg_catalog.pg_current_xact_id()');
    await using fresh = await openReader(it.source);
    await fresh.caughtUp();
    expect(fresh.told).toEqual(['snapshot t {"id":1}']);
  });

  test('P-13, P-14: a role with column grants polls what it may read; row security that hides rows is refused', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, note text, secret text)'],
      { tables: ['t'] },
    );
    const role = `poll_${it.db.database}`;
    await it.db.query(
      `CREATE ROLE ${role} LOGIN; ALTER ROLE ${role} SET default_transaction_read_only = on`,
    );
    try {
      await it.db.query(`GRANT USAGE ON SCHEMA certyo TO ${role}`);
      await it.db.query(`GRANT SELECT, INSERT, UPDATE ON certyo.leases TO ${role}`);
      await it.db.query(`GRANT SELECT, DELETE ON certyo.polling_tombstones TO ${role}`);
      await it.db.query(`GRANT SELECT ON certyo.polling_tombstone_columns TO ${role}`);
      const url = new URL(it.db.url);
      url.username = role;
      const source = sourceOf({ ...it.db, url: url.href }, { tables: ['t'] });
      expect(await codeOf(openReader(source))).toBe('SOURCE_SETUP');
      await it.db.query(`GRANT SELECT (id, note, certyo_xid) ON t TO ${role}`);
      await it.db.query("INSERT INTO t VALUES (1, 'a', 'b')");
      {
        await using reader = await openReader(source);
        await reader.caughtUp();
        expect(reader.told).toEqual(['snapshot t {"id":1,"note":"a"}']);
        await it.db.query('DELETE FROM t');
        await reader.caughtUp();
        expect(reader.told.slice(1)).toEqual(['delete t {"id":1,"note":"a"}']);
        await reader.acknowledge();
        expect(JSON.stringify(reader.sourceEvents)).toContain('secret');
        const left = (): Promise<unknown[]> => it.db.query('SELECT FROM certyo.polling_tombstones');
        await it.db.query("INSERT INTO t VALUES (2, 'a', 'b')");
        await expect.poll(async () => (await left()).length).toBe(0);
      }
      await it.db.query('ALTER TABLE t ENABLE ROW LEVEL SECURITY');
      expect(await codeOf(openReader(source))).toBe('SOURCE_SETUP');
    } finally {
      await it.db.query(`DROP OWNED BY ${role}`);
      await it.db.query(`DROP ROLE ${role}`);
    }
  });

  test('P-18: a changed key is the delete of the old record and the snapshot of the new one', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    await it.db.query('UPDATE t SET id = 2');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'snapshot t {"id":1}',
      'delete t {"id":1}',
      'snapshot t {"id":2}',
    ]);
    expect(reader.rows[2]?.version).not.toBe(reader.rows[0]?.version);
  });
});
