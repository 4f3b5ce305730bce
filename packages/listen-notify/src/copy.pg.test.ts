import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';
import { proxied } from './testing/proxied.ts';

const COPY = { tables: ['t'], copy: true } as const;

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 500) i`,
];

describe('copy', () => {
  test('rows as they are, then every change that the copy has not seen, none of those that it has', async () => {
    await using it = await captured(TABLE, COPY);
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    const late = await it.db.client();
    await late.query(`BEGIN; UPDATE t SET v = 'late' WHERE id = 2`);
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 3`);
    await using reader = await openReader(it.source);
    await expect.poll(() => reader.events.length).toBe(500);
    expect(new Set(reader.rows.map((row) => row.operation))).toEqual(new Set(['snapshot']));
    const values = new Map(reader.rows.map((row) => [row.key['id'], row.after?.['v']]));
    expect([1, 2, 3, 4].map((id) => values.get(id))).toEqual([
      'second',
      'first',
      'second',
      'first',
    ]);
    await it.db.query('DELETE FROM t WHERE id = 4');
    await late.query('COMMIT');
    await reader.caughtUp();
    expect(reader.told.slice(500)).toEqual([
      'update t {"id":2,"v":"late"}',
      'delete t {"id":4,"v":"first"}',
    ]);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(502);
    for (const row of reader.rows.slice(500)) {
      const copied = reader.rows.find((other) => other.key['id'] === row.key['id']);
      expect(row.version > (copied?.version ?? 'x')).toBe(true);
    }
  });

  test('once: a restart behind the copy goes on with the changes, also when they were seen by the copy', async () => {
    await using it = await captured(TABLE, COPY);
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    let after;
    {
      await using reader = await openReader(it.source);
      await reader.caughtUp();
      const ends = reader.batches.flatMap((batch) => (batch.end === null ? [] : [batch.end]));
      expect(reader.rows).toHaveLength(500);
      // The first one says that the copy has begun; the second is right behind it, before any change was read.
      after = reader.stream.checkpoint(ends[1] ?? ('' as never));
    }
    await it.db.query(`UPDATE t SET v = 'third' WHERE id = 1`);
    const stored = JSON.parse(JSON.stringify(after)) as typeof after;
    await using reader = await openReader(it.source, { after: stored });
    await reader.caughtUp();
    expect(reader.told).toEqual(['update t {"id":1,"v":"third"}']);
  });

  test('partitions, large rows, an empty table, columns that were dropped', async () => {
    const options = { tables: ['p', 'big', 'empty'], copy: true, maxBatchBytes: 500_000 };
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
      ],
      options,
    );
    await using reader = await openReader(sourceOf(it.db, options));
    await reader.caughtUp();
    expect(reader.told.filter((told) => !told.includes(' big '))).toEqual([
      'snapshot p {"id":1,"v":"a"}',
      'snapshot p {"id":11,"v":"b"}',
    ]);
    expect(reader.rows.filter((row) => row.table.name === 'big')).toHaveLength(40);
    for (const batch of reader.batches) expect(batch.bytes).toBeLessThan(700_000);
  });

  test('a copy that is cut off begins again, with greater versions, and nothing is missing', async () => {
    const options = { ...COPY, maxBatchRows: 50 };
    await using it = await captured(TABLE, options);
    await using way = await proxied(it.db);
    await using reader = await openReader(sourceOf(it.db, { ...options, connection: way.url }), {
      pauseAfter: 2,
    });
    await expect.poll(() => reader.events.length).toBeGreaterThan(0);
    way.proxy.reset();
    await it.db.query(`UPDATE t SET v = 'second' WHERE id = 1`);
    reader.resume();
    await reader.caughtUp().catch(() => undefined);
    await expect.poll(() => reader.told.at(-1)).toBe('update t {"id":1,"v":"second"}');
    const newest = new Map<unknown, { version: string; v: unknown }>();
    for (const row of reader.rows) {
      const id = row.key['id'];
      expect(row.version > (newest.get(id)?.version ?? '')).toBe(true);
      newest.set(id, { version: row.version, v: row.after?.['v'] });
    }
    expect(newest.size).toBe(500);
    expect(newest.get(1)?.v).toBe('second');
  });

  test.each([
    ['in the same process', 'reconnect'],
    ['in the next process', 'restart'],
  ])(
    'what is deleted between a copy that is cut off and the next is told: %s',
    async (_name, way) => {
      const options = { ...COPY, maxBatchRows: 50 };
      await using it = await captured(TABLE, options);
      await using link = await proxied(it.db);
      await using first = await openReader(sourceOf(it.db, { ...options, connection: link.url }), {
        pauseAfter: 3,
      });
      // The beginning of a copy is worth a checkpoint, before its first row.
      await expect.poll(() => first.rows.length).toBeGreaterThan(50);
      const after = await first.acknowledge();
      if (way === 'reconnect') link.proxy.reset();
      else await first[Symbol.asyncDispose]();
      await it.db.query('DELETE FROM t WHERE id = 1');
      await it.db.query(`DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, 'again')`);
      await using second =
        way === 'reconnect' ? null : await openReader(sourceOf(it.db, options), { after });
      const reader = second ?? first;
      reader.resume();
      await reader.caughtUp().catch(() => undefined);
      await expect.poll(() => reader.rows.some((row) => row.operation === 'delete')).toBe(true);
      await reader.caughtUp();
      const told = (id: number): string[] =>
        reader.rows.filter((row) => row.key['id'] === id).map((row) => row.operation);
      expect(told(1).at(-1)).toBe('delete');
      expect(told(2).at(-1)).toBe('insert');
      expect(new Set(reader.rows.map((row) => row.key['id'])).size).toBeGreaterThanOrEqual(499);
      // Once whole, it is not made again.
      const whole = await reader.acknowledge();
      await reader.stream[Symbol.asyncDispose]();
      await using third = await openReader(sourceOf(it.db, options), { after: whole });
      await third.caughtUp();
      expect(third.events).toEqual([]);
    },
  );

  test('row security that would hide rows is refused', async () => {
    await using it = await captured(TABLE, COPY);
    const role = `role_${it.db.database}`;
    await it.db.query(`CREATE ROLE ${role} LOGIN`);
    try {
      for (const sql of [
        'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
        `GRANT SELECT ON t TO ${role}`,
        `GRANT USAGE ON SCHEMA certyo TO ${role}`,
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA certyo TO ${role}`,
        `GRANT SELECT ON certyo.change_log_sequence TO ${role}`,
      ]) {
        await it.db.query(sql);
      }
      const url = new URL(it.db.url);
      url.username = role;
      await using reader = await openReader(sourceOf(it.db, { ...COPY, connection: url.href }));
      await expect(reader.ended()).resolves.toMatchObject({ code: 'SOURCE_SETUP' });
      expect(reader.events).toEqual([]);
    } finally {
      await it.db.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
