import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('memory', () => {
  test('I7: a transaction of 300,000 rows and a slow consumer keep memory bounded', async () => {
    await using it = await captured(TABLE, { tables: ['t'], maxBufferedBytes: 262_144 });
    await using stream = await it.source.open({
      after: null,
      signal: new AbortController().signal,
    });
    const writing = it.db.query(
      `INSERT INTO t SELECT i, repeat('x', 400) FROM generate_series(1, 300000) i`,
    );
    let rows = 0;
    let largest = 0;
    let peak = 0;
    let batches = 0;
    collect();
    const before = process.memoryUsage();
    for await (const batch of stream) {
      rows += batch.events.length;
      largest = Math.max(largest, batch.bytes);
      if (rows % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      batches += 1;
      if (batches % 20 === 0) {
        collect();
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - before.arrayBuffers);
      }
      if (rows >= 300_000 && batch.end !== null) break;
    }
    await writing;
    expect(rows).toBe(300_000);
    expect(largest).toBeLessThan(1_048_576);
    // 120 MB went through.
    expect(peak).toBeLessThan(16 * 1_048_576);
  });
});
