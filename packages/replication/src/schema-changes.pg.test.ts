import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';

describe('schema changes', () => {
  test('R-23: add, drop, rename and type change in one transaction with data', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, a text, b text)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a', 'b')`);
    await it.db.query(`BEGIN;
      INSERT INTO t VALUES (2, 'a', 'b');
      ALTER TABLE t ADD c int DEFAULT 7;
      INSERT INTO t VALUES (3, 'a', 'b', 8);
      ALTER TABLE t DROP b;
      ALTER TABLE t RENAME a TO z;
      INSERT INTO t VALUES (4, 'a', 9);
      ALTER TABLE t ALTER c TYPE text;
      INSERT INTO t VALUES (5, 'a', 'nine');
      COMMIT`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"a":"a","b":"b","id":1}',
      'insert t {"a":"a","b":"b","id":2}',
      'schema t',
      'insert t {"a":"a","b":"b","c":8,"id":3}',
      'schema t',
      'insert t {"c":9,"id":4,"z":"a"}',
      'schema t',
      'insert t {"c":"nine","id":5,"z":"a"}',
    ]);
    const change = reader.events[4];
    expect(change?.operation === 'schema' && change.previousColumns?.map((c) => c.name)).toEqual([
      'id',
      'a',
      'b',
      'c',
    ]);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(8);
  });

  test('none after a reconnect or a restart when nothing changed', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, v varchar(9))'], {
      tables: ['t'],
    });
    let checkpoint;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1)');
      await reader.caughtUp();
      await it.db.query(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
        [it.db.database],
      );
      await it.db.query('INSERT INTO t VALUES (2)');
      await reader.caughtUp();
      checkpoint = await reader.acknowledge();
      expect(reader.told).toEqual(['insert t {"id":1,"v":null}', 'insert t {"id":2,"v":null}']);
    }
    await using reader = await openReader(it.source, { after: checkpoint });
    await it.db.query('INSERT INTO t VALUES (3)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":3,"v":null}']);
  });

  test('a change of columns while the pipeline was down is told before the first row', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    let checkpoint;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1)');
      checkpoint = await (await reader.caughtUp()).acknowledge();
    }
    await it.db.query('ALTER TABLE t ADD v int');
    await it.db.query('INSERT INTO t VALUES (2, 2)');
    const ids: string[][] = [];
    for (let i = 0; i < 2; i++) {
      await using reader = await openReader(it.source, { after: checkpoint });
      await reader.caughtUp();
      expect(reader.told).toEqual(['schema t', 'insert t {"id":2,"v":2}']);
      ids.push(reader.events.map((event) => event.id));
    }
    expect(ids[1]).toEqual(ids[0]);
  });

  test('I5: two tables that bear one name in one transaction never share an id', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'],
      { tables: ['t', 'u'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`BEGIN;
      INSERT INTO t VALUES (1);
      ALTER TABLE t RENAME TO old;
      ALTER TABLE u RENAME TO t;
      INSERT INTO t VALUES (1);
      COMMIT`);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}', 'insert t {"id":1}']);
    const [first, second] = reader.rows;
    expect(first?.id).not.toBe(second?.id);
    expect((first?.version ?? '') < (second?.version ?? '')).toBe(true);
  });

  test('changes of a primary key that is gone from the catalog keep the order of the key', async () => {
    await using it = await captured(['CREATE TABLE t (a int, b int, v int, PRIMARY KEY (b, a))'], {
      tables: ['t'],
    });
    let checkpoint;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO t VALUES (1, 2, 3)`);
      checkpoint = await (await reader.caughtUp()).acknowledge();
      expect(JSON.stringify(reader.rows[0]?.key)).toBe('{"b":2,"a":1}');
    }
    await it.db.query(`UPDATE t SET v = 4`);
    await it.db.query('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (a, b)');
    await using reader = await openReader(it.source, { after: checkpoint });
    await reader.caughtUp();
    expect(JSON.stringify(reader.rows[0]?.key)).toBe('{"b":2,"a":1}');
  });

  test('GAP_TYPE_UNKNOWN: a type that is dropped before it was ever read stops the stream', async () => {
    await using it = await captured(
      ["CREATE TYPE mood AS ENUM ('sad')", 'CREATE TABLE t (id int PRIMARY KEY, m mood)'],
      { tables: ['t'] },
    );
    await it.db.query('INSERT INTO t (id) VALUES (1)');
    await it.db.query(`INSERT INTO t VALUES (2, 'sad')`);
    await it.db.query('ALTER TABLE t DROP m');
    await it.db.query('DROP TYPE mood');
    await using reader = await openReader(it.source);
    await expect(reader.ended()).resolves.toMatchObject({ code: 'GAP_TYPE_UNKNOWN' });
    expect(reader.events).toEqual([]);
  });

  test('I4: under REPLICA IDENTITY FULL a change that comes again keeps its key, though the primary key is another one by now', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL)',
        'ALTER TABLE t REPLICA IDENTITY FULL',
      ],
      { tables: ['t'] },
    );
    let after;
    let first;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1, 101)');
      await reader.caughtUp();
      after = await reader.acknowledge();
      await it.db.query('INSERT INTO t VALUES (2, 102)');
      await reader.caughtUp();
      first = reader.rows[1];
    }
    await it.db.query('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (code)');
    await using reader = await openReader(it.source, { after });
    await it.db.query('INSERT INTO t VALUES (3, 103)');
    await reader.caughtUp();
    const [again, next] = reader.rows;
    expect(again?.id).toBe(first?.id);
    expect(again?.key).toEqual({ id: 2 });
    expect(next?.key).toEqual({ id: 3 });
    expect(reader.sourceEvents).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'KEY_KEPT' }),
    );
  });
});
