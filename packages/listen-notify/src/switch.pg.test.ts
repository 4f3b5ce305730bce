import { type Checkpoint, createPipeline, type Position } from '@certyo-cdc/core';
import { certyoSink } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  openReader,
  startCertyoEmulator,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

/** What a poller of the same database would have saved. */
async function polled(it: Captured): Promise<Checkpoint> {
  const [row] = await it.db.query<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  return {
    kind: 'polling',
    identity: { systemIdentifier: row?.id ?? '', database: it.db.database, cursors: {} },
    position: '4711' as Position,
    epoch: 6,
    state: { cursors: {} },
  };
}

const REPLACING = { tables: ['t'], replaces: 'polling' } as const;

describe('replaces', () => {
  test('a checkpoint of the kind that is replaced: from the beginning of the log, in the next epoch', async () => {
    await using it = await captured(TABLE, REPLACING);
    await it.db.query('INSERT INTO t VALUES (1)');
    const old = await polled(it);
    const first: string[] = [];
    for (let life = 0; life < 2; life += 1) {
      await using reader = await openReader(it.source, { after: old });
      await reader.caughtUp();
      expect(reader.rows[0]?.version).toMatch(/^000007-/);
      first.push(`${reader.rows[0]?.id ?? ''} ${reader.rows[0]?.version ?? ''}`);
    }
    expect(first[1]).toBe(first[0]);
  });

  test('a pipeline that is switched saves under the new kind, over the old checkpoint', async () => {
    await using it = await captured(TABLE, REPLACING);
    const { signal } = new AbortController();
    const checkpoints = memoryCheckpointStore();
    await checkpoints.save('p', await polled(it), { replaces: null, revision: 'r1', signal });
    const sink = memorySink();
    const options = { name: 'p', checkpoints, deadLetters: memoryDeadLetterStore() };
    const pipeline = createPipeline(it.source, sink, options);
    await pipeline.start();
    await it.db.query('INSERT INTO t VALUES (1)');
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(sink.effects).toHaveLength(1);
    const stored = await checkpoints.load('p', { signal });
    expect(stored?.checkpoint).toMatchObject({ kind: 'listen-notify', epoch: 7 });
  });

  test('GAP_SWITCH: a log that was made after the old pipeline ended', async () => {
    await using it = await captured(TABLE, REPLACING);
    const after = await polled(it);
    const open = (savedAtMs: number): Promise<unknown> =>
      it.source
        .open({ after, savedAtMs, signal: new AbortController().signal })
        .then((stream) => stream[Symbol.asyncDispose]());
    await expect(open(Date.now() - 3_600_000)).rejects.toMatchObject({ code: 'GAP_SWITCH' });
    await open(Date.now() + 1_000);
    await expect(openReader(sourceOf(it.db, { tables: ['t'] }), { after })).rejects.toMatchObject({
      code: 'GAP_CHECKPOINT_FOREIGN',
    });
  });
});

describe('the whole way', () => {
  test('from tables to Certyo: every version, once, over a restart; the log is empty in the end', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const certyo = await startCertyoEmulator();
    try {
      for (let life = 0; life < 2; life += 1) {
        const sink = certyoSink({
          baseUrl: certyo.url,
          apiKey: certyo.apiKey,
          tenantId: certyo.tenantId,
        });
        const source = sourceOf(it.db, { tables: ['t'], pruneIntervalMs: 20 });
        const pipeline = createPipeline(source, sink, { checkpointIntervalMs: 20 });
        await pipeline.start();
        await it.db.query(`INSERT INTO t VALUES ($1, 'a')`, [life]);
        await it.db.query(`UPDATE t SET v = 'b' WHERE id = $1`, [life]);
        await it.db.query('DELETE FROM t WHERE id = $1', [life]);
        await pipeline.caughtUp();
        await pipeline.drain();
        expect(pipeline.status().state).toBe('stopped');
      }
      expect(
        certyo
          .records({ collection: 'public.t' })
          .map(({ recordId, operationType, payload }) => `${recordId} ${operationType} ${payload}`),
      ).toEqual([
        '0 insert {"id":0,"v":"a"}',
        '0 update {"id":0,"v":"b"}',
        '0 delete {"id":0,"v":"b"}',
        '1 insert {"id":1,"v":"a"}',
        '1 update {"id":1,"v":"b"}',
        '1 delete {"id":1,"v":"b"}',
      ]);
      expect(await it.db.query('SELECT FROM certyo.change_log')).toEqual([]);
    } finally {
      await certyo.close();
    }
  });
});
