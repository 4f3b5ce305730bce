import type { Position } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

describe('pruning', () => {
  test('I1: only what is acknowledged is deleted, and a restart deletes what was left', async () => {
    const options = { tables: ['t'], pruneIntervalMs: 20 };
    await using it = await captured(TABLE, options);
    let after;
    {
      await using reader = await openReader(sourceOf(it.db, options));
      await it.db.query('INSERT INTO t VALUES (1)');
      await reader.caughtUp();
      await reader.acknowledge();
      await it.db.query('INSERT INTO t VALUES (2)');
      await reader.caughtUp();
      await expect
        .poll(() => it.db.query('SELECT new_row FROM certyo.change_log'))
        .toEqual([{ new_row: '(2,)' }]);
      expect((await reader.stream.lag()).ms).toBeGreaterThanOrEqual(0);
      after = JSON.parse(JSON.stringify(reader.checkpoint())) as ReturnType<
        typeof reader.checkpoint
      >;
      await expect(reader.stream.acknowledge('999' as Position)).rejects.toMatchObject({
        code: 'PIPELINE_STATE',
      });
    }
    expect(await it.db.query('SELECT FROM certyo.change_log')).toHaveLength(1);
    await using reader = await openReader(sourceOf(it.db, options), { after });
    await expect.poll(() => it.db.query('SELECT FROM certyo.change_log')).toEqual([]);
    await reader.caughtUp();
    expect(reader.events).toEqual([]);
    expect(await reader.stream.lag()).toEqual({ bytes: null, ms: null });
  });

  test('pruneIntervalMs: false deletes nothing', async () => {
    const options = { tables: ['t'], pruneIntervalMs: false } as const;
    await using it = await captured(TABLE, options);
    {
      await using reader = await openReader(sourceOf(it.db, options));
      await it.db.query('INSERT INTO t VALUES (1)');
      await (await reader.caughtUp()).acknowledge();
    }
    expect(await it.db.query('SELECT FROM certyo.change_log')).toHaveLength(1);
  });
});
