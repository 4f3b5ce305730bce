import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

describe('pruning', () => {
  test('O-08: the log does not grow with what goes through it', async () => {
    const options = { tables: ['t'], pruneIntervalMs: 10 };
    await using it = await captured(TABLE, options);
    await using reader = await openReader(sourceOf(it.db, options));
    const size = async (): Promise<number> => {
      const [row] = await it.db.query<{ size: string }>(
        `SELECT pg_total_relation_size('certyo.change_log')::text AS size`,
      );
      return Number(row?.size);
    };
    let first = 0;
    for (let round = 0; round < 30; round += 1) {
      await it.db.query(
        `INSERT INTO t SELECT i, repeat('x', 400) FROM generate_series($1::int, $1::int + 1999) i`,
        [round * 2_000],
      );
      await (await reader.caughtUp()).acknowledge();
      await expect.poll(() => it.db.query('SELECT FROM certyo.change_log LIMIT 1')).toEqual([]);
      // What autovacuum does every minute.
      await it.db.query('VACUUM certyo.change_log');
      if (round === 2) first = await size();
    }
    // 30 times the rows would be 10 times the third round's size.
    expect(await size()).toBeLessThan(2 * first);
    expect(reader.events).toHaveLength(60_000);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are in use, without what is only not collected yet. */
function held(): number {
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

describe('memory', () => {
  test('I7: pages of large rows are bounded by bytes', async () => {
    const options = { tables: ['t'], maxBatchBytes: 1_000_000 };
    await using it = await captured(TABLE, options);
    await it.db.query(
      `INSERT INTO t SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 3125) j) FROM generate_series(1, 200) i`,
    );
    await using reader = await openReader(sourceOf(it.db, options));
    await reader.caughtUp();
    expect(reader.events).toHaveLength(200);
    for (const batch of reader.batches) expect(batch.bytes).toBeLessThan(1_250_000);
  });

  test('I7: a transaction of 100,000 rows and a slow consumer keep memory bounded', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await it.db.query(`INSERT INTO t SELECT i, repeat('x', 400) FROM generate_series(1, 100000) i`);
    await using stream = await it.source.open({
      after: null,
      signal: new AbortController().signal,
    });
    let rows = 0;
    let ends = 0;
    let batches = 0;
    let peak = 0;
    const before = held();
    for await (const batch of stream) {
      rows += batch.events.length;
      batches += 1;
      expect(batch.bytes).toBeLessThan(2_097_152);
      if (batch.end !== null) ends += 1;
      if (batches % 10 === 0) peak = Math.max(peak, held() - before);
      if (batch.end !== null) break;
    }
    expect(rows).toBe(100_000);
    // I2: one transaction has one end.
    expect(ends).toBe(1);
    // 80 MB of rows went through.
    expect(peak).toBeLessThan(16 * 1_048_576);
  });
});
