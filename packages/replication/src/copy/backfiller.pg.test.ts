import { type Position, SourceConnectionError } from '@certyo-cdc/core';
import { tell } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { expect, test } from 'vitest';
import { copied } from '../testing/copied.ts';
import type { TextQuery } from '../stream/text-query.ts';
import { Backfiller, type CopiedChunk } from './backfiller.ts';
import { newJob } from './copy-jobs.ts';
import { RUNNING_XIDS_SQL } from './xid-snapshot.ts';

test('R-28: what was streamed before is waited for, also where it could not be looked up at once', async () => {
  await using db = await testDatabase();
  await db.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await db.query(`INSERT INTO t VALUES (1, 'first')`);
  await using it = await copied(db, 't');
  const closing = new AbortController();
  let lookUps = 0;
  const query: TextQuery = async (sql, params) => {
    if (sql === RUNNING_XIDS_SQL && ++lookUps === 1) {
      throw new SourceConnectionError('SOURCE_UNREACHABLE', 'The connection was lost.');
    }
    return it.query(sql, params);
  };
  const job = newJob('1', [it.table.name], { chunkRows: 10, where: null });
  const [task] = job.tasks;
  if (task === undefined) throw new Error('The job has no table.');
  const chunks: CopiedChunk[] = [];
  const standBy = (): void => {
    const chunk = backfiller.isWaiting ? backfiller.standsAt('0/1' as Position) : null;
    if (chunk !== null) chunks.push(chunk);
  };
  const backfiller: Backfiller = new Backfiller({
    reader: it.reader,
    describe: () => Promise.resolve(it.table),
    nextTask: () => (chunks.length === 0 ? { job, task } : null),
    source: { kind: 'replication', name: 'test', systemIdentifier: '1' },
    epochAt: () => 1,
    query,
    reached: () => Promise.resolve(),
    isStandby: false,
    delays: { minDelayMs: 10, maxDelayMs: 10 },
    asError: (error) => error as Error,
    onFailed: (_job, error) => {
      throw error;
    },
    onGone: () => undefined,
    onAltered: () => undefined,
    onRenamed: () => undefined,
    onMoved: () => undefined,
    onReady: standBy,
    onEvent: () => undefined,
    signal: closing.signal,
  });
  // As the log has it this one has committed: its row was handed over.
  const writer = await db.client();
  await writer.query(`BEGIN; UPDATE t SET v = 'second' WHERE id = 1`);
  backfiller.start();
  await expect.poll(() => lookUps).toBe(2);
  await writer.query('COMMIT');
  await expect.poll(() => chunks).toHaveLength(1);
  const rows = chunks.flatMap(({ batches }) => batches.flatMap(({ events }) => events));
  expect(rows.map(tell)).toEqual(['snapshot t {"id":1,"v":"second"}']);
  await backfiller.close();
});
