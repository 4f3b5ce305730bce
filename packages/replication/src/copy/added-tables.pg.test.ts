import type { Checkpoint, SourceEvent } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, optionsOf, setUp, sourceOf } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';

const TABLES = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 100) i`,
  'CREATE TABLE u (id int PRIMARY KEY, v text)',
  `INSERT INTO u SELECT i, 'first' FROM generate_series(1, 100) i`,
];
function warnings(events: readonly SourceEvent[], code: string): readonly string[] {
  return events.flatMap((event) =>
    event.type === 'source-warned' && event.code === code ? [event.message] : [],
  );
}

/** Publishes another table, as `setup()` does. */
async function publish(it: Captured, tables: readonly string[]): Promise<void> {
  await setUp(optionsOf(it.db, { tables, copy: true }));
}

describe('a table that is added later', () => {
  test('is copied with copy: true, and the others are not again', async () => {
    await using it = await captured(TABLES, { tables: ['t'], copy: true });
    let after;
    {
      await using reader = await openReader(it.source);
      await reader.caughtUp();
      expect(reader.rows).toHaveLength(100);
      after = await reader.acknowledge();
    }
    // Not in the publication yet, so nothing of the stream tells of it.
    await it.db.query(`UPDATE u SET v = 'second' WHERE id = 1`);
    await publish(it, ['t', 'u']);
    await it.db.query(`UPDATE u SET v = 'third' WHERE id = 2`);
    await it.db.query('DELETE FROM u WHERE id = 3');
    const source = sourceOf(it.db, { tables: ['t', 'u'], copy: true, acceptTables: true });
    {
      await using reader = await openReader(source, { after });
      await reader.caughtUp();
      expect(warnings(reader.sourceEvents, 'TABLES_ADDED')).toEqual([]);
      expect(new Set(reader.rows.map((row) => row.table.name))).toEqual(new Set(['u']));
      const last = new Map(reader.rows.map((row) => [row.key['id'], row]));
      expect(last.size).toBe(100);
      expect([1, 2, 4].map((id) => last.get(id)?.after?.['v'])).toEqual([
        'second',
        'third',
        'first',
      ]);
      expect(last.get(3)?.operation).toBe('delete');
      after = await reader.acknowledge();
    }
    expect(after.state).not.toHaveProperty('copy');
    await using again = await openReader(source, { after });
    await it.db.query(`INSERT INTO u VALUES (1000, 'x')`);
    await again.caughtUp();
    expect(again.told).toEqual(['insert u {"id":1000,"v":"x"}']);
  });

  test('is copied also when the life in which it was added saved nothing, or only that it was', async () => {
    await using it = await captured(TABLES, { tables: ['t'], copy: true });
    let after;
    {
      await using reader = await openReader(it.source);
      await reader.caughtUp();
      after = await reader.acknowledge();
    }
    await publish(it, ['t', 'u']);
    const source = sourceOf(it.db, { tables: ['t', 'u'], copy: true, acceptTables: true });
    {
      await using reader = await openReader(source, { after });
      await reader.caughtUp();
    }
    {
      await using reader = await openReader(source, { after, pauseAfter: 2 });
      await expect.poll(() => reader.batches.length).toBeGreaterThanOrEqual(2);
      const [first] = reader.batches;
      if (first?.end == null) throw new Error('The copy began without an end.');
      after = JSON.parse(JSON.stringify(reader.stream.checkpoint(first.end))) as Checkpoint;
      expect(after.state).toHaveProperty('copy');
    }
    await using reader = await openReader(source, { after });
    await reader.caughtUp();
    expect(new Set(reader.rows.map((row) => row.key['id'])).size).toBe(100);
  });

  test('joins a first copy that is under way; one that is left out again is not waited for', async () => {
    const slow = { copy: { method: 'keyset', chunkRows: 10 } } as const;
    const many = ['t', 'u'].map(
      (name) => `INSERT INTO ${name} SELECT i, 'first' FROM generate_series(101, 1500) i`,
    );
    await using it = await captured([...TABLES, ...many], { tables: ['t'], ...slow });
    let after;
    let copied;
    {
      await using reader = await openReader(it.source);
      await expect.poll(() => reader.rows.length).toBeGreaterThanOrEqual(30);
      copied = reader.rows.length;
      after = await reader.acknowledge();
      expect(copied).toBeLessThan(1_500);
    }
    await publish(it, ['t', 'u']);
    const both = sourceOf(it.db, { tables: ['t', 'u'], ...slow, acceptTables: true });
    {
      await using reader = await openReader(both, { after });
      const of = (name: string): number =>
        reader.rows.filter((row) => row.table.name === name).length;
      await expect.poll(() => of('u')).toBeGreaterThanOrEqual(10);
      expect(of('t')).toBe(1_500 - copied);
      after = await reader.acknowledge();
      expect(of('u')).toBeLessThan(1_500);
    }
    const one = sourceOf(it.db, { tables: ['t'], ...slow, acceptTables: true });
    await using reader = await openReader(one, { after });
    await reader.caughtUp();
    expect(warnings(reader.sourceEvents, 'COPY_TABLE_GONE')).toHaveLength(1);
    await it.db.query('DELETE FROM t WHERE id = 1');
    await reader.caughtUp();
    expect(reader.checkpoint().state).not.toHaveProperty('copy');
  });

  test('without copy its rows are not copied, which is said with the call that does it', async () => {
    await using it = await captured(TABLES, { tables: ['t'] });
    await it.source.setup();
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query('DELETE FROM t WHERE id = 1');
      await reader.caughtUp();
      after = await reader.acknowledge();
    }
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE u');
    const source = sourceOf(it.db, { tables: ['t', 'u'], acceptTables: true });
    await using reader = await openReader(source, { after });
    await reader.caughtUp();
    expect(reader.rows).toEqual([]);
    const [warning] = warnings(reader.sourceEvents, 'TABLES_ADDED');
    expect(warning).toContain("source.backfill({ tables: ['public.u'] })");
    await finished(await source.backfill({ tables: ['public.u'] }), reader);
    expect(reader.rows).toHaveLength(100);
    after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await using again = await openReader(source, { after });
    expect(warnings(again.sourceEvents, 'TABLES_ADDED')).toEqual([]);
  });

  test('of a schema that is captured as a whole: nothing is missing when it has none, and later ones are streamed', async ({
    skip,
  }) => {
    await using it = await captured(['CREATE SCHEMA s'], {
      tables: [],
      schemas: ['s'],
      copy: true,
    }).catch((error: unknown) => {
      if (String(error).includes('PostgreSQL 15')) skip('schemas came with PostgreSQL 15');
      throw error;
    });
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    await it.db.query('CREATE TABLE s.later (id int PRIMARY KEY)');
    await it.db.query('INSERT INTO s.later VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert later {"id":1}']);
  });
});
