import { openReader, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

describe('pollingSource', () => {
  test('a lease that ends while tombstones are read costs no delete', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1), (2)'],
      {
        tables: ['t'],
      },
    );
    await using reader = await openReader(
      sourceOf(it.db, { tables: ['t'], leaseMs: 300, intervalMs: { min: 5, max: 20 } }),
    );
    await reader.caughtUp();
    const blocker = await it.db.client();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE certyo.leases IN ACCESS EXCLUSIVE MODE');
    await it.db.query('DELETE FROM t WHERE id = 1');
    // The page of tombstones is read only now, when the lease has long ended.
    await blocker.query('LOCK TABLE certyo.polling_tombstones IN ACCESS EXCLUSIVE MODE');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await blocker.query('COMMIT');
    await reader.caughtUp();
    expect(reader.told.at(-1)).toBe('delete t {"id":1}');
  });

  test('P-17: transaction ids that a crash gives out again are not behind the cursor', async () => {
    await using server = await startPostgres({
      major: 18,
      settings: { wal_writer_delay: '10s', autovacuum: 'off', synchronous_commit: 'off' },
    });
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE other (n int)'],
      { tables: ['t'] },
      server,
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const writer = await it.db.client();
    // Transactions that have an id and are nowhere on disk; the cursor looks at the horizon behind them.
    for (let n = 0; n < 50; n++) {
      await writer.query('BEGIN');
      await writer.query('INSERT INTO other VALUES (1)');
      await writer.query('ROLLBACK');
    }
    await reader.caughtUp();
    await server.crash();
    await server.start();
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query('DELETE FROM t WHERE id = 2');
    await reader.caughtUp();
    expect(reader.told.sort()).toEqual(['delete t {"id":2}', 'snapshot t {"id":1}']);
  });
});
