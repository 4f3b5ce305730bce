import { openReader, type StreamReader, type TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';
import { GATED, gate } from '../testing/gate.ts';

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 300) i`,
];
/** By key, what was told last; deleted rows are left out. */
function lastTold(
  reader: StreamReader,
  table = 't',
): Map<unknown, Readonly<Record<string, unknown>>> {
  const last = new Map<unknown, Readonly<Record<string, unknown>>>();
  for (const event of reader.events) {
    if (!('table' in event) || event.table.name !== table) continue;
    if (event.operation === 'truncate') last.clear();
    if (!('key' in event)) continue;
    if (event.previousKey !== null) last.delete(String(event.previousKey['id']));
    if (event.after === null) last.delete(String(event.key['id']));
    else last.set(String(event.key['id']), event.after);
  }
  return last;
}

async function rowsOf(db: TestDatabase): Promise<Map<unknown, unknown>> {
  const rows = await db.query('SELECT * FROM t ORDER BY id');
  return new Map(rows.map((row) => [String(row['id']), row]));
}

describe('a window', () => {
  test('S-04, S-07: what changes between the reading of a chunk and its place in the stream is not brought back', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    await using reader = await openReader(it.source);
    await using closed = await gate(it.db);
    const backfill = await it.source.backfill({ tables: ['t'], where: GATED });
    await closed.reached();
    // The chunk's snapshot shows none of this.
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    await it.db.query('DELETE FROM t WHERE id = 2');
    await it.db.query('UPDATE t SET id = 1003 WHERE id = 3');
    await it.db.query(`INSERT INTO t VALUES (1004, 'new')`);
    await it.db.query('DELETE FROM t WHERE id = 5');
    await it.db.query(`INSERT INTO t VALUES (5, 'again')`);
    await it.db.query(
      `BEGIN; UPDATE t SET v = 'never' WHERE id = 6; ROLLBACK; BEGIN; UPDATE t SET id = 7 WHERE id = 1004 AND false; COMMIT`,
    );
    await closed.open();
    await finished(backfill, reader);
    const copied = reader.rows.filter((row) => row.operation === 'snapshot');
    const keys = new Set(copied.map((row) => row.key['id']));
    for (const touched of [1, 2, 3, 5, 1003, 1004]) expect(keys).not.toContain(touched);
    expect(keys.size).toBe(296);
    expect(keys).toContain(6);
    expect(lastTold(reader)).toEqual(await rowsOf(it.db));
  });

  test('S-07: the same for rows that change before the chunk is read and before the stream gets there', async () => {
    await using it = await captured([...TABLE, 'CREATE TABLE u (id int PRIMARY KEY)'], {
      tables: ['t', 'u'],
    });
    await it.source.setup();
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO u VALUES (1)');
    await expect.poll(() => reader.rows.length).toBe(1);
    await using closed = await gate(it.db);
    const backfill = await it.source.backfill({ tables: ['t'], where: GATED, chunkRows: 100 });
    await closed.reached();
    await it.db.query(`UPDATE t SET v = 'second' WHERE id <= 150`);
    reader.pause();
    await it.db.query('INSERT INTO u VALUES (2)');
    await it.db.query(`UPDATE t SET v = 'third' WHERE id <= 120`);
    await closed.open();
    await it.db.query(`UPDATE t SET id = id + 1000 WHERE id BETWEEN 90 AND 110`);
    reader.resume();
    await finished(backfill, reader);
    const told = lastTold(reader);
    expect(told).toEqual(await rowsOf(it.db));
  });

  test('S-04: what a chunk shows that the stream has not told yet waits until it has', async () => {
    await using it = await captured([...TABLE, 'CREATE TABLE u (id int PRIMARY KEY)'], {
      tables: ['t', 'u'],
    });
    await it.source.setup();
    await using reader = await openReader(it.source);
    await using closed = await gate(it.db);
    const backfill = await it.source.backfill({ tables: ['t'], where: GATED, chunkRows: 100 });
    await closed.reached();
    const first = await it.db.client();
    const second = await it.db.client();
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'relation' AND query LIKE '%LOCK TABLE%'`;
    const locked = first.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
    await expect.poll(() => it.db.query(waiting)).toHaveLength(1);
    const locking = second.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
    await expect.poll(() => it.db.query(waiting)).toHaveLength(2);
    await closed.open();
    await locked;
    // The window of the second chunk is open, and its snapshot comes behind both.
    await expect.poll(() => it.db.query(waiting)).toHaveLength(2);
    await expect.poll(() => reader.rows.length).toBe(100);
    reader.pause();
    await it.db.query('INSERT INTO u VALUES (1)');
    await expect.poll(() => reader.rows.length).toBe(101);
    await first.query(`UPDATE t SET v = 'second' WHERE id = 150; COMMIT`);
    await locking;
    await second.query(`UPDATE t SET v = 'third' WHERE id = 150; COMMIT`);
    // The chunk has been read; the reader stands before both changes.
    await expect.poll(() => it.db.query(waiting)).toHaveLength(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    reader.resume();
    await finished(backfill, reader);
    const told = reader.rows.filter((row) => row.table.name === 't' && row.key['id'] === 150);
    expect(told.map((row) => row.after?.['v'])).toEqual(['second', 'third']);
    expect(lastTold(reader)).toEqual(await rowsOf(it.db));
  });

  test.each([
    'TRUNCATE t',
    `ALTER TABLE t ADD COLUMN more int DEFAULT 5`,
    'ALTER TABLE t DROP COLUMN v',
    'ALTER TABLE t ALTER v TYPE varchar(100)',
    'ALTER TABLE t ALTER id TYPE bigint',
    'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id) INCLUDE (v)',
    'VACUUM FULL t',
    'CLUSTER t USING t_pkey',
  ])('%s between two chunks, and rows that change with it', async (statement) => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.source.setup();
    await using reader = await openReader(it.source);
    await using closed = await gate(it.db);
    const backfill = await it.source.backfill({ tables: ['t'], where: GATED, chunkRows: 100 });
    await closed.reached();
    const other = await it.db.client();
    // It waits for the chunk that is being read, and the next one for it.
    const altering = other.query(statement);
    const waits = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'relation'`;
    await expect.poll(() => it.db.query(waits)).toHaveLength(1);
    await closed.open();
    await altering;
    await it.db.query('UPDATE t SET id = id + 1000 WHERE id = 7');
    await it.db.query('DELETE FROM t WHERE id = 299');
    await it.db.query('INSERT INTO t (id) VALUES (5000)');
    await finished(backfill, reader);
    const rows = await rowsOf(it.db);
    const told = lastTold(reader);
    expect([...told.keys()].sort()).toEqual([...rows.keys()].sort());
    // What was read behind the statement has the columns of then.
    const columns = Object.keys((await it.db.query('SELECT * FROM t LIMIT 1'))[0] ?? {});
    const last = reader.rows.findLast((row) => row.operation === 'snapshot');
    if (!statement.startsWith('TRUNCATE')) {
      expect(Object.keys(last?.after ?? {}).sort()).toEqual(columns.sort());
    }
  });
});
