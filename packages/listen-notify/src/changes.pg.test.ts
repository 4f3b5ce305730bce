import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

describe('changes', () => {
  test('insert, update, delete and truncate, with the row before and after', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, v text)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a'), (2, 'b "x", \\y')`);
    await it.db.query(`UPDATE t SET v = 'c' WHERE id = 1`);
    await it.db.query('DELETE FROM t WHERE id = 2');
    await it.db.query('TRUNCATE t');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1,"v":"a"}',
      'insert t {"id":2,"v":"b \\"x\\", \\\\y"}',
      'update t {"id":1,"v":"c"}',
      'delete t {"id":2,"v":"b \\"x\\", \\\\y"}',
      'truncate t',
    ]);
    const [, , update, remove] = reader.rows;
    expect(update).toMatchObject({ before: { id: 1, v: 'a' }, after: { id: 1, v: 'c' } });
    expect(update?.unavailable).toEqual([]);
    expect(remove).toMatchObject({ after: null, key: { id: 2 } });
    const truncate = reader.events.at(-1);
    expect(truncate).toMatchObject({ operation: 'truncate', cascade: null, restartIdentity: null });
    const [{ xid } = { xid: '' }] = await it.db.query<{ xid: string }>(
      'SELECT txid_current()::text AS xid',
    );
    expect(BigInt(update?.transaction?.xid ?? 0)).toBeLessThan(BigInt(xid));
    expect(update?.transaction?.committedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(update?.source).toMatchObject({ kind: 'listen-notify', name: 'change_log' });
    expect(update?.id).toMatch(/^\d+\/public\.t\/\d+$/);
  });

  test('a change of the key names the record that it was', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, v text)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await it.db.query('UPDATE t SET id = 7');
    await reader.caughtUp();
    expect(reader.rows[1]).toMatchObject({ key: { id: 7 }, previousKey: { id: 1 } });
    expect(reader.rows[0]?.previousKey).toBeNull();
  });

  test('the key of the option, and one of several columns in the order of the key', async () => {
    await using it = await captured(
      [
        'CREATE TABLE a (x int, y int, v int)',
        'CREATE TABLE b (x int, y int, v int, PRIMARY KEY (y, x))',
      ],
      { tables: ['a', 'b'], keys: { a: ['y', 'v'] } },
    );
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO a VALUES (1, 2, 3)');
    await it.db.query('INSERT INTO b VALUES (1, 2, 3)');
    await reader.caughtUp();
    expect(reader.rows.map((row) => JSON.stringify(row.key))).toEqual([
      '{"y":2,"v":3}',
      '{"y":2,"x":1}',
    ]);
  });

  test('partitions come under the name of the table above them, whatever their order of columns', async () => {
    await using it = await captured(
      [
        'CREATE TABLE p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)',
        'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)',
        'CREATE TABLE p2 (v text, junk int, id int NOT NULL)',
        'ALTER TABLE p2 DROP COLUMN junk',
        'ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)',
      ],
      { tables: ['p'] },
    );
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO p VALUES (1, 'a'), (11, 'b')`);
      await it.db.query('UPDATE p SET id = 12 WHERE id = 1');
      await it.db.query('CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)');
      await it.db.query(`INSERT INTO p VALUES (21, 'c')`);
      after = await (await reader.caughtUp()).acknowledge();
      // A row that moves to another partition is deleted there and inserted here, as in the log of the server.
      expect(reader.told).toEqual([
        'insert p {"id":1,"v":"a"}',
        'insert p {"id":11,"v":"b"}',
        'delete p {"id":1,"v":"a"}',
        'insert p {"id":12,"v":"a"}',
        'insert p {"id":21,"v":"c"}',
      ]);
      const [{ oid } = { oid: 0 }] = await it.db.query<{ oid: number }>(
        `SELECT 'p'::regclass::oid::int8::int4 AS oid`,
      );
      expect(new Set(reader.rows.map((row) => row.table.oid))).toEqual(new Set([oid]));
    }
    await using reader = await openReader(it.source, { after });
    await it.db.query('ALTER TABLE p ADD w int');
    await it.db.query(`INSERT INTO p VALUES (2, 'd', 1), (13, 'e', 2)`);
    await it.db.query('ALTER TABLE p DETACH PARTITION p2');
    await it.db.query('DROP TABLE p2');
    await it.db.query('TRUNCATE p1');
    await it.db.query('TRUNCATE p');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'schema p',
      'insert p {"id":2,"v":"d","w":1}',
      'insert p {"id":13,"v":"e","w":2}',
      'truncate p1',
      'truncate p',
    ]);
    expect(reader.events.at(-2)?.id).toContain('/public.p1/');
  });

  test('I10: a change of status columns alone is no change, and they are no part of a row', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, v text, certyo_anchor_status text)'],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a', NULL)`);
    await it.db.query(`UPDATE t SET certyo_anchor_status = 'anchored'`);
    // Added later than the trigger was made.
    await it.db.query('ALTER TABLE t ADD certyo_record_hash text');
    await it.db.query(`UPDATE t SET certyo_record_hash = 'x'`);
    await it.db.query(`UPDATE t SET certyo_record_hash = 'y', v = 'b'`);
    await reader.caughtUp();
    expect(reader.told.filter((told) => !told.startsWith('schema'))).toEqual([
      'insert t {"id":1,"v":"a"}',
      'update t {"id":1,"v":"b"}',
    ]);
  });

  test('N-12: a writer with session_replication_role = replica is captured as well', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query(
      'BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO t VALUES (1); COMMIT',
    );
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}']);
  });

  test('N-13: PREPARE TRANSACTION works with doorbell: false, and is waited for', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], {
      tables: ['t'],
      doorbell: false,
    });
    const [{ most } = { most: '0' }] = await it.db.query<{ most: string }>(
      "SELECT current_setting('max_prepared_transactions') AS most",
    );
    if (most === '0') return;
    await using reader = await openReader(it.source);
    const gid = `'${it.db.database}'`;
    await it.db.query(`BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION ${gid}`);
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query(`COMMIT PREPARED ${gid}`);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}', 'insert t {"id":2}']);
  });

  test('a table that is not listed is not captured', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'],
      { tables: ['t', 'u'] },
    );
    await using reader = await openReader(sourceOf(it.db, { tables: ['t'] }));
    await it.db.query('INSERT INTO u VALUES (1)');
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query('INSERT INTO u VALUES (3)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":2}']);
    // What is skipped is acknowledged and deleted as well.
    await reader.acknowledge();
    await expect.poll(() => it.db.query('SELECT FROM certyo.change_log')).toEqual([]);
  });
});
