import { faultProxy, openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

test('R-08: a connection of the first copy that falls silent counts as dead after deadAfterMs, as every other', async () => {
  const options = { tables: ['t'], copy: { parallel: 1 }, deadAfterMs: 1_500 } as const;
  await using it = await captured(
    [
      'CREATE TABLE t (id int PRIMARY KEY, v text)',
      `ALTER TABLE t ALTER v SET STORAGE EXTERNAL`,
      `INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
    ],
    options,
  );
  await using proxy = await faultProxy({ target: { host: it.db.host, port: it.db.port } });
  const url = new URL(it.db.url);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  // Only the connection that reads rows passes so much.
  proxy.cutAfter(4_000_000, { direction: 'toClient', how: 'blackhole' });
  const reader = await openReader(sourceOf(it.db, { ...options, connection: url.href }));
  try {
    await expect.poll(() => reader.rows.length, { timeout: 20_000 }).toBeGreaterThan(1_000);
    await expect
      .poll(() => new Set(reader.rows.map((row) => row.key['id'])).size, { timeout: 20_000 })
      .toBe(14_000);
  } finally {
    await reader[Symbol.asyncDispose]();
  }
});
