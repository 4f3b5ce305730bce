import { openReader, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { sourceOf } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';

const major = inject('postgresMajor');

describe('a copy from a standby', () => {
  test('first copy and backfill, beside changes; nothing old is brought back', async ({ skip }) => {
    skip(major < 16, 'a slot can be made on a standby from PostgreSQL 16 on');
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await using db = await primary.createDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await db.query(`INSERT INTO t SELECT i, 'first' FROM generate_series(1, 1000) i`);
    await expect
      .poll(() => standby.query('SELECT 1 FROM pg_database WHERE datname = $1', [db.database]))
      .toHaveLength(1);
    const there = { database: db.database, url: standby.urlOf(db.database) };
    const source = sourceOf(there, {
      tables: ['t'],
      primary: db.url,
      copy: { chunkRows: 100 },
    });
    const printed = await source.setup();
    // A standby gives no snapshot of a slot's beginning: the rows are copied in chunks.
    expect(printed.at(-1)).toContain('pg_create_logical_replication_slot');
    {
      await using reader = await openReader(source);
      await db.query(`UPDATE t SET v = 'second' WHERE id % 7 = 0`);
      await db.query('DELETE FROM t WHERE id % 11 = 0');
      await finished(await source.backfill({ tables: ['t'], chunkRows: 150 }), reader);
      await reader.caughtUp();
      const last = new Map<unknown, unknown>();
      for (const { after, key } of reader.rows) {
        if (after === null) last.delete(key['id']);
        else last.set(key['id'], after['v']);
      }
      const rows = await db.query('SELECT id, v FROM t');
      expect(last).toEqual(new Map(rows.map((row) => [row['id'], row['v']])));
    }
    await expect
      .poll(() =>
        source.teardown({ state: true }).then(
          () => 'done',
          (error: Error) => error.message,
        ),
      )
      .toBe('done');
  });
});
