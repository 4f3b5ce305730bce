import { certyoSink } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured } from './testing/captured.ts';

const LARGE = `(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)`;

describe(replicationSource, () => {
  test('gives inserts, updates and deletes with their keys, in commit order', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, v text)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a'), (2, NULL)`);
    await it.db.query(`UPDATE t SET v = 'b' WHERE id = 1`);
    await it.db.query(`DELETE FROM t WHERE id = 2`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1,"v":"a"}',
      'insert t {"id":2,"v":null}',
      'update t {"id":1,"v":"b"}',
      'delete t {"id":2}',
    ]);
    expect(reader.rows.map((row) => row.key)).toEqual([{ id: 1 }, { id: 2 }, { id: 1 }, { id: 2 }]);
    const { transaction } = reader.rows[0] ?? {};
    expect(transaction?.committedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(4);
    expect(reader.rows[2]).toMatchObject({ previousKey: null, before: null });
  });

  test('R-20: a change of the key shows the key before it, single and composite', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        'CREATE TABLE c (v text, b int, a text, PRIMARY KEY (a, b))',
      ],
      { tables: ['t', 'c'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'x')`);
    await it.db.query(`UPDATE t SET id = 2`);
    await it.db.query(`INSERT INTO c VALUES ('x', 1, 'a')`);
    await it.db.query(`UPDATE c SET b = 2`);
    await it.db.query(`DELETE FROM c`);
    await reader.caughtUp();
    const [, moved, inserted, compositeMoved, deleted] = reader.rows;
    expect(moved).toMatchObject({ key: { id: 2 }, previousKey: { id: 1 }, before: { id: 1 } });
    expect(Object.keys(inserted?.key ?? {})).toEqual(['a', 'b']);
    expect(compositeMoved).toMatchObject({
      key: { a: 'a', b: 2 },
      previousKey: { a: 'a', b: 1 },
      after: { a: 'a', b: 2, v: 'x' },
    });
    expect(deleted).toMatchObject({ key: { a: 'a', b: 2 }, before: { a: 'a', b: 2 } });
    expect(deleted?.before).not.toHaveProperty('v');
  });

  test('R-20: a change of the key shows the old row as far as the replica identity does', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text)',
        'CREATE TABLE f (a text, b int, v text, PRIMARY KEY (b, a))',
        'ALTER TABLE f REPLICA IDENTITY FULL',
      ],
      { tables: ['t', 'f'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'x')`);
    await it.db.query(`UPDATE t SET id = 2`);
    await it.db.query(`INSERT INTO f SELECT 'a', 1, ${LARGE}`);
    await it.db.query(`UPDATE f SET b = 2`);
    await reader.caughtUp();
    const [, byKey, , whole] = reader.rows;
    expect(byKey?.canonicalRow(undefined, 'before')).toBe('{"id":1}');
    expect(JSON.parse(whole?.canonicalRow(undefined, 'before') ?? '')).toEqual({
      ...whole?.after,
      b: 1,
    });
    const sink = certyoSink({ apiKey: 'key', tenantId: 'tenant' });
    const items = reader.rows.slice(2).flatMap((row) => sink.prepare(row));
    expect(items.map(({ item }) => item.recordId)).toEqual(['["1","a"]', '["1","a"]', '["2","a"]']);
    await sink.close?.();
  });

  test('the keys option names records of a table without a primary key, under FULL', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (a int NOT NULL, b int NOT NULL, v text)',
        'ALTER TABLE t REPLICA IDENTITY FULL',
      ],
      { tables: ['t'], keys: { t: ['b', 'a'] } },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 2, 'x')`);
    await it.db.query(`UPDATE t SET a = 3`);
    await it.db.query(`UPDATE t SET v = 'y'`);
    await it.db.query(`DELETE FROM t`);
    await reader.caughtUp();
    expect(reader.rows.map((row) => [JSON.stringify(row.key), row.previousKey])).toEqual([
      ['{"b":2,"a":1}', null],
      ['{"b":2,"a":3}', { b: 2, a: 1 }],
      ['{"b":2,"a":3}', null],
      ['{"b":2,"a":3}', null],
    ]);
    expect(reader.rows[3]?.before).toEqual({ a: 3, b: 2, v: 'y' });
  });

  test('R-22: a unique index as replica identity shows the key of what is deleted', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL UNIQUE, v text)',
        'ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_key',
      ],
      { tables: ['t'], keys: { t: ['code'] } },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a', 'x')`);
    await it.db.query(`UPDATE t SET code = 'b'`);
    await it.db.query(`DELETE FROM t`);
    await reader.caughtUp();
    expect(reader.rows.map((row) => [row.key, row.previousKey])).toEqual([
      [{ code: 'a' }, null],
      [{ code: 'b' }, { code: 'a' }],
      [{ code: 'b' }, null],
    ]);
  });

  test('a replica identity that hides the key is refused at the start with the SQL', async () => {
    for (const [identity, sql] of [
      ['NOTHING', 'REPLICA IDENTITY DEFAULT'],
      ['USING INDEX t_code_key', 'REPLICA IDENTITY DEFAULT'],
    ] as const) {
      await using it = await captured(
        ['CREATE TABLE t (id int PRIMARY KEY, code text NOT NULL UNIQUE)'],
        { tables: ['t'] },
      );
      await it.db.query(`ALTER TABLE t REPLICA IDENTITY ${identity}`);
      const opened = openReader(it.source);
      await expect(opened).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
      await expect(opened).rejects.toThrow(`ALTER TABLE "public"."t" ${sql};`);
    }
  });

  test('R-21: unchanged TOAST is unavailable under DEFAULT and taken from the old row under FULL', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, big text, v int)',
        'ALTER TABLE t ALTER big SET STORAGE EXTERNAL',
      ],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    expect(reader.sourceEvents).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'TOAST_UNAVAILABLE' }),
    );
    await it.db.query(`INSERT INTO t VALUES (1, ${LARGE}, 0)`);
    await it.db.query('UPDATE t SET v = 1');
    await it.db.query('ALTER TABLE t REPLICA IDENTITY FULL');
    await it.db.query('UPDATE t SET v = 2');
    await reader.caughtUp();
    const [inserted, hidden, filled] = reader.rows;
    expect(hidden?.unavailable).toEqual(['big']);
    expect(hidden?.canonicalRow()).toBe('{"_unavailable":["big"],"id":1,"v":1}');
    expect(filled?.unavailable).toEqual([]);
    expect(filled?.after?.['big']).toBe(inserted?.after?.['big']);
    expect(String(filled?.after?.['big'])).toHaveLength(12_800);
  });

  test('truncate: one event for each captured table, also by cascade', async () => {
    await using it = await captured(
      [
        'CREATE TABLE parent (id serial PRIMARY KEY)',
        'CREATE TABLE child (id int PRIMARY KEY REFERENCES parent)',
        'CREATE TABLE other (id int PRIMARY KEY)',
      ],
      { tables: ['parent', 'child'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query('TRUNCATE parent, other RESTART IDENTITY CASCADE');
    await it.db.query('TRUNCATE child');
    await reader.caughtUp();
    const told = reader.events.map((event) =>
      event.operation === 'truncate'
        ? [event.table.name, event.cascade, event.restartIdentity]
        : event.operation,
    );
    expect(told.slice(0, 2).sort()).toEqual([
      ['child', true, true],
      ['parent', true, true],
    ]);
    expect(told.slice(2)).toEqual([['child', false, false]]);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(3);
  });

  test('I2, I3: overlapping transactions come in commit order; what is rolled back never comes', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, v int)'], {
      tables: ['t'],
    });
    await using reader = await openReader(it.source);
    const a = await it.db.client();
    const b = await it.db.client();
    await a.query('BEGIN; INSERT INTO t VALUES (1, 0)');
    await b.query('BEGIN; INSERT INTO t VALUES (2, 0)');
    await a.query('INSERT INTO t VALUES (3, 0)');
    await b.query('COMMIT');
    await a.query('SAVEPOINT s; INSERT INTO t VALUES (4, 0); ROLLBACK TO s');
    await a.query('SAVEPOINT u; INSERT INTO t VALUES (5, 0); RELEASE u; COMMIT');
    await a.query('BEGIN; INSERT INTO t VALUES (6, 0); ROLLBACK');
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual([2, 1, 3, 5]);
    const versions = reader.rows.map((row) => row.version);
    expect([...versions].sort()).toEqual(versions);
    // Positions of changes are not monotonic across transactions; ends are.
    const ends = reader.batches.flatMap((batch) => (batch.end === null ? [] : [batch.end]));
    expect(ends.map(padded)).toEqual(ends.map(padded).sort());
  });

  test('R-06: 10,000 rows of one COPY have 10,000 ids and growing versions', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
    await using reader = await openReader(it.source);
    // COPY makes multi-inserts, whose rows share one position.
    await it.db.query("COPY t FROM PROGRAM 'seq 1 10000'");
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual(
      Array.from({ length: 10_000 }, (_, i) => i + 1),
    );
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(10_000);
    const versions = reader.rows.map((row) => row.version);
    expect([...versions].sort()).toEqual(versions);
  });

  test('tables that are not listed are not captured, though the publication sends them', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'],
      { tables: ['t'] },
    );
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE u');
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO u VALUES (1)');
    await it.db.query('WITH x AS (INSERT INTO u VALUES (2)) INSERT INTO t VALUES (1)');
    await it.db.query('TRUNCATE u');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}']);
  });

  test('partitioned tables come under the name of their root', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int, d int, PRIMARY KEY (id, d)) PARTITION BY LIST (d)',
        'CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)',
        'CREATE TABLE t2 (d int NOT NULL, id int NOT NULL)',
        'ALTER TABLE t ATTACH PARTITION t2 FOR VALUES IN (2)',
      ],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1, 1), (2, 2)');
    await it.db.query('UPDATE t SET d = 2 WHERE id = 1');
    await it.db.query('CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)');
    await it.db.query('INSERT INTO t3 VALUES (3, 3)');
    await it.db.query('TRUNCATE t');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"d":1,"id":1}',
      'insert t {"d":2,"id":2}',
      'delete t {"d":1,"id":1}',
      'insert t {"d":2,"id":1}',
      'insert t {"d":3,"id":3}',
      'truncate t',
    ]);
  });

  test('I10: an update of status columns alone is no change, under FULL', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, v text, certyo_anchor_status text, certyo_record_hash text)',
        'ALTER TABLE t REPLICA IDENTITY FULL',
      ],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await it.db.query(`UPDATE t SET certyo_anchor_status = 'Anchored', certyo_record_hash = 'x'`);
    await it.db.query(`UPDATE t SET certyo_anchor_status = 'Failed', v = 'b'`);
    await it.db.query(`UPDATE t SET v = 'b'`);
    await it.db.query('DELETE FROM t');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1,"v":"a"}',
      'update t {"id":1,"v":"b"}',
      'update t {"id":1,"v":"b"}',
      'delete t {"id":1,"v":"b"}',
    ]);
  });
});

function padded(position: string): string {
  return position
    .split('/')
    .map((part) => part.padStart(8, '0'))
    .join('/');
}
