import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';

describe('Deletes', () => {
  test('I1: a key that was found gone, lived when that was read, and is gone again before its row is read, is told', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)'],
      { tables: [{ table: 't', hardDeletes: { reconcileMs: 3_600_000 } }] },
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    const first = await it.db.client();
    await first.query('BEGIN; SELECT pg_current_xact_id()');
    await it.db.query('DELETE FROM t WHERE id = 1');
    // Compares the keys; the tombstone stays behind the open transaction.
    const caughtUp = reader.caughtUp();
    await expect.poll(() => it.db.query('SELECT FROM certyo.polling_tombstones')).toHaveLength(1);
    await it.db.query('INSERT INTO t VALUES (2)');
    const second = await it.db.client();
    await second.query('BEGIN; SELECT pg_current_xact_id()');
    await it.db.query('INSERT INTO t VALUES (1)');
    await first.query('ROLLBACK');
    await expect.poll(() => reader.told).toContain('snapshot t {"id":2}');
    await it.db.query('DELETE FROM t WHERE id = 1');
    await second.query('ROLLBACK');
    await caughtUp;
    await reader.caughtUp();
    expect(reader.told.filter((one) => one.includes('"id":1'))).toEqual([
      'snapshot t {"id":1}',
      'delete t {"id":1}',
    ]);
  });
});
