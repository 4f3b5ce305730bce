import { openReader, type StreamReader } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { COPY_METHODS } from './copy-settings.ts';
import { type Captured, captured, sourceOf } from '../testing/captured.ts';

const COPY = { tables: ['t'], copy: true } as const;

/** Opens the source, and runs statements in a transaction for whose end the slot has to wait. */
async function openBehind(it: Captured, statements: string): Promise<StreamReader> {
  const writer = await it.db.client();
  await writer.query(`BEGIN; ${statements}`);
  const opening = openReader(it.source);
  opening.catch(() => undefined);
  const making = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND datname = current_database()`;
  await expect.poll(() => it.db.query(making)).toHaveLength(1);
  await writer.query('COMMIT');
  return await opening;
}

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 500) i`,
];

describe('the first copy', () => {
  test('S-01: rows as they are, then every change that the copy has not seen, none of those that it has', async () => {
    await using it = await captured(TABLE, COPY);
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    await using reader = await openReader(it.source);
    await it.db.query(`UPDATE t SET v = 'third' WHERE id = 2`);
    await it.db.query('DELETE FROM t WHERE id = 4');
    await reader.caughtUp();
    const copied = reader.rows.slice(0, 500);
    expect(new Set(copied.map((row) => row.operation))).toEqual(new Set(['snapshot']));
    const values = new Map(copied.map((row) => [row.key['id'], row.after?.['v']]));
    expect(values.size).toBe(500);
    expect([1, 2, 4].map((id) => values.get(id))).toEqual(['second', 'first', 'first']);
    expect(reader.told.slice(500)).toEqual(['update t {"id":2,"v":"third"}', 'delete t {"id":4}']);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(502);
    for (const row of reader.rows.slice(500)) {
      const before = copied.find((other) => other.key['id'] === row.key['id']);
      expect(row.version > (before?.version ?? 'x')).toBe(true);
    }
  });

  test('once: a restart behind the copy goes on with the changes', async () => {
    await using it = await captured(TABLE, COPY);
    let after;
    {
      await using reader = await openReader(it.source);
      await reader.caughtUp();
      expect(reader.rows).toHaveLength(500);
      after = await reader.acknowledge();
    }
    await it.db.query(`UPDATE t SET v = 'third' WHERE id = 1`);
    await using reader = await openReader(sourceOf(it.db, COPY), { after });
    await reader.caughtUp();
    expect(reader.told).toEqual(['update t {"id":1,"v":"third"}']);
  });

  test('S-06: a life that ends before anything is saved: the next one copies beside the stream', async () => {
    await using it = await captured(TABLE, COPY);
    {
      await using reader = await openReader(it.source);
      await reader.caughtUp();
    }
    await it.db.query(`UPDATE t SET v = 'third' WHERE id = 1`);
    await it.db.query('DELETE FROM t WHERE id = 2');
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const newest = new Map(reader.rows.map((row) => [row.key['id'], row]));
    expect(newest.size).toBe(500);
    expect(newest.get(1)?.after?.['v']).toBe('third');
    expect(newest.get(2)?.operation).toBe('delete');
    expect(newest.get(3)?.operation).toBe('snapshot');
  });

  test('several tables, a partitioned one, an empty one, columns that were dropped, values of all kinds', async () => {
    const options = { tables: ['p', 'big', 'empty', 'odd'], copy: { parallel: 3 } };
    await using it = await captured(
      [
        'CREATE TABLE p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id)',
        'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)',
        'CREATE TABLE p2 (junk int, v text, id int NOT NULL)',
        'ALTER TABLE p2 DROP COLUMN junk',
        'ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)',
        `INSERT INTO p VALUES (1, 'a'), (11, 'b')`,
        'CREATE TABLE big (id int PRIMARY KEY, t text)',
        `INSERT INTO big SELECT i, repeat('x', 100000) FROM generate_series(1, 40) i`,
        'CREATE TABLE empty (id int PRIMARY KEY)',
        'CREATE TABLE odd (id text PRIMARY KEY, n numeric, b bytea, j jsonb, a text[])',
        String.raw`INSERT INTO odd VALUES (E'a\tb\\c\nd', 1.50, '\x00ff', '{"k": [1, null]}', ARRAY['x,y', NULL, E'\\']),
                     ('\N', NULL, NULL, NULL, NULL)`,
      ],
      options,
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const told = reader.told.filter((text) => !text.includes(' big ')).sort();
    expect(told).toEqual([
      'snapshot odd {"a":["x,y",null,"\\\\"],"b":"\\\\x00ff","id":"a\\tb\\\\c\\nd","j":{"k":[1,null]},"n":"1.50"}',
      'snapshot odd {"a":null,"b":null,"id":"\\\\N","j":null,"n":null}',
      'snapshot p {"id":1,"v":"a"}',
      'snapshot p {"id":11,"v":"b"}',
    ]);
    expect(reader.rows.filter((row) => row.table.name === 'big')).toHaveLength(40);
  });

  test.each(COPY_METHODS)(
    'S-01: a partition that is made and filled while the slot is made, by %s',
    async (method) => {
      await using it = await captured(
        [
          'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)',
          'CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)',
          'INSERT INTO p VALUES (1)',
        ],
        { tables: ['p'], copy: { method } },
      );
      await using reader = await openBehind(
        it,
        `CREATE TABLE p2 (LIKE p INCLUDING ALL); INSERT INTO p2 VALUES (11);
         ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)`,
      );
      await reader.caughtUp();
      expect(reader.told).toEqual(['snapshot p {"id":1}', 'snapshot p {"id":11}']);
    },
  );

  // Schemas came with PostgreSQL 15.
  test.runIf(inject('postgresMajor') >= 15).each(COPY_METHODS)(
    'S-01: a table of a captured schema that is made and filled while the slot is made, by %s',
    async (method) => {
      await using it = await captured(
        ['CREATE SCHEMA s', 'CREATE TABLE s.t (id int PRIMARY KEY)', 'INSERT INTO s.t VALUES (1)'],
        { tables: [], schemas: ['s'], copy: { method } },
      );
      await using reader = await openBehind(
        it,
        'CREATE TABLE s.u (id int PRIMARY KEY); INSERT INTO s.u VALUES (2)',
      );
      await reader.caughtUp();
      expect(reader.told).toEqual(['snapshot t {"id":1}', 'snapshot u {"id":2}']);
    },
  );

  test('I12: caughtUp rejects when the stream is closed before all is copied', async () => {
    await using it = await captured(TABLE, COPY);
    const { signal } = new AbortController();
    const stream = await it.source.open({ after: null, signal });
    const caughtUp = stream.caughtUp({ signal });
    caughtUp.catch(() => undefined);
    await stream[Symbol.asyncDispose]();
    await expect(caughtUp).rejects.toThrow('The stream is closed.');
  });
});
