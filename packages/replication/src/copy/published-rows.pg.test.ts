import type { RowChange } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, optionsOf, setUp, sourceOf } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';

const major = inject('postgresMajor');

const PARTITIONED = [
  'CREATE TABLE p (id int PRIMARY KEY, v text, secret text) PARTITION BY RANGE (id)',
  'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)',
  'CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200)',
  'CREATE TABLE p2_deep PARTITION OF p DEFAULT PARTITION BY RANGE (id)',
  'CREATE TABLE p3 PARTITION OF p2_deep DEFAULT',
  `INSERT INTO p SELECT i, 'first', 'hidden' FROM generate_series(90, 209) i`,
];

/** The ways in which rows that are there come to a reader. */
const WAYS = ['ctid', 'keyset', 'backfill'] as const;

function byTable(rows: readonly RowChange[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { table } of rows) counts[table.name] = (counts[table.name] ?? 0) + 1;
  return counts;
}

describe('copied rows are as the stream shows them', () => {
  test.each(WAYS.flatMap((way) => [[way, 'root'] as const, [way, 'leaf'] as const]))(
    'of partitions, by %s under the name of the %s',
    async (way, partitions) => {
      const copy = way === 'backfill' ? {} : { copy: { method: way, chunkRows: 7 } };
      const options = { tables: ['p'], partitions, ...copy };
      await using it = await captured(PARTITIONED, options);
      await it.source.setup();
      await using reader = await openReader(it.source);
      if (way === 'backfill') {
        const status = await finished(
          await it.source.backfill({ tables: ['p'], chunkRows: 7 }),
          reader,
        );
        const rows = Object.fromEntries(status.tables.map((one) => [one.table, one.rows]));
        expect(rows).toEqual(
          partitions === 'root'
            ? { 'public.p': 120 }
            : { 'public.p1': 10, 'public.p2': 100, 'public.p3': 10 },
        );
      }
      await reader.caughtUp();
      expect(byTable(reader.rows)).toEqual(
        partitions === 'root' ? { p: 120 } : { p1: 10, p2: 100, p3: 10 },
      );
      expect(new Set(reader.rows.map((row) => row.key['id'])).size).toBe(120);
      // A row that moves to another partition, and comes back to one that is copied already.
      await it.db.query('UPDATE p SET id = 95000 WHERE id = 95');
      await it.db.query('DELETE FROM p WHERE id = 205');
      await reader.caughtUp();
      const copied = reader.rows[0];
      const streamed = reader.rows.at(-2);
      expect(Object.keys(copied?.after ?? {})).toEqual(Object.keys(streamed?.after ?? {}));
    },
  );

  test.each(WAYS)('through row filter and column list, by %s', async (way) => {
    if (major < 15) return;
    const copy = way === 'backfill' ? {} : { copy: { method: way, chunkRows: 7 } };
    const tables = [
      { name: 'p', columns: ['id', 'v'], where: 'id % 2 = 0' },
      { name: 't', columns: ['b', 'a'], where: `a > 3` },
    ];
    await using it = await captured(
      [
        ...PARTITIONED,
        'CREATE TABLE t (hidden text, a int PRIMARY KEY, b text)',
        `INSERT INTO t SELECT 'hidden', i, 'x' FROM generate_series(1, 10) i`,
      ],
      { tables, ...copy },
    );
    await it.source.setup();
    await using reader = await openReader(it.source);
    if (way === 'backfill') {
      const where = 'b = $$x$$ AND a < 10';
      await finished(await it.source.backfill({ tables: ['p'], chunkRows: 7 }), reader);
      await finished(await it.source.backfill({ tables: ['t'], where, chunkRows: 2 }), reader);
    }
    await reader.caughtUp();
    expect(byTable(reader.rows)).toEqual({ p: 60, t: way === 'backfill' ? 6 : 7 });
    const before = reader.rows.length;
    await it.db.query(`INSERT INTO t VALUES ('hidden', 11, 'y'), ('hidden', 2000, 'z')`);
    await it.db.query(`INSERT INTO p VALUES (2, 'y', 'hidden'), (3, 'y', 'hidden')`);
    await reader.caughtUp();
    expect(reader.told.slice(before)).toHaveLength(3);
    expect(reader.told.join('\n')).not.toContain('hidden');
    for (const name of ['p', 't']) {
      const ofTable = reader.rows.filter((row) => row.table.name === name);
      const shapes = new Set(ofTable.map((row) => JSON.stringify([row.table.columns, row.key])));
      expect(new Set([...shapes].map((shape) => shape.split(',{"').length)).size).toBe(1);
      expect(new Set(ofTable.map((row) => Object.keys(row.after ?? {}).join())).size).toBe(1);
    }
  });

  test.each([true, false])('with generated columns: %s', async (includeGenerated) => {
    const options = { tables: ['t'], includeGenerated, copy: true };
    await using it = await captured(
      [
        'CREATE TABLE t (id int PRIMARY KEY, double int GENERATED ALWAYS AS (id * 2) STORED, v text)',
        `INSERT INTO t (id, v) SELECT i, 'x' FROM generate_series(1, 10) i`,
      ],
      options,
    );
    if (major >= 18) {
      await it.db.query('ALTER PUBLICATION certyo_cdc SET (publish_generated_columns = stored)');
    }
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t (id, v) VALUES (11, 'x')`);
    await reader.caughtUp();
    const shown = includeGenerated && major >= 18;
    const columns = shown ? 'id,double,v' : 'id,v';
    expect(new Set(reader.rows.map((row) => Object.keys(row.after ?? {}).join()))).toEqual(
      new Set([columns]),
    );
    expect(reader.rows).toHaveLength(11);
    if (shown) expect(reader.rows[4]?.after?.['double']).toBe(10);
  });

  test('a partitioned table without partitions is copied at once', async () => {
    await using it = await captured(
      ['CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)'],
      { tables: ['p'], copy: true },
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    await it.db.query('CREATE TABLE p1 PARTITION OF p DEFAULT');
    await it.db.query('INSERT INTO p VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert p {"id":1}']);
    expect(reader.checkpoint().state).not.toHaveProperty('copy');
  });

  test('a key column that may be null is refused where rows go by key, since those with null would be left out', async () => {
    const statements = [
      'CREATE TABLE t (a int, b int)',
      'ALTER TABLE t REPLICA IDENTITY FULL',
      'INSERT INTO t VALUES (1, 1), (2, NULL), (NULL, 3)',
    ];
    const options = { tables: ['t'], keys: { 'public.t': ['a', 'b'] } };
    await using it = await captured(statements, options);
    await it.source.setup();
    await using reader = await openReader(it.source);
    const refused = await it.source.backfill({ tables: ['t'] });
    await expect(refused.done).rejects.toThrow('may be null');
    await it.db.query('DELETE FROM t WHERE a IS NULL OR b IS NULL');
    await it.db.query('ALTER TABLE t ALTER a SET NOT NULL, ALTER b SET NOT NULL');
    await reader.caughtUp();
    await finished(await it.source.backfill({ tables: ['t'] }), reader);
    expect(reader.told.at(-1)).toBe('snapshot t {"a":1,"b":1}');
  });

  test('the key is in the same order in copy and stream when the primary key has been turned round', async () => {
    await using it = await captured(
      [
        'CREATE TABLE t (a int, b int, v text, PRIMARY KEY (a, b))',
        `INSERT INTO t SELECT i, i + 1, 'x' FROM generate_series(1, 5) i`,
      ],
      { tables: ['t'] },
    );
    await it.source.setup();
    await using reader = await openReader(it.source);
    await it.db.query(`UPDATE t SET v = 'y' WHERE a = 1`);
    await reader.caughtUp();
    await it.db.query('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (b, a)');
    await it.db.query(`UPDATE t SET v = 'z' WHERE a = 1`);
    await finished(await it.source.backfill({ tables: ['t'], chunkRows: 2 }), reader);
    const orders = new Set(reader.rows.map((row) => Object.keys(row.key).join()));
    expect([...orders]).toHaveLength(1);
  });

  test('setUp and open agree: a source with copy may be set up again', async () => {
    const options = { tables: ['p'], copy: true };
    await using it = await captured(PARTITIONED, options);
    await setUp(optionsOf(it.db, options));
    await using reader = await openReader(sourceOf(it.db, options));
    await reader.caughtUp();
    expect(reader.rows).toHaveLength(120);
  });
});
