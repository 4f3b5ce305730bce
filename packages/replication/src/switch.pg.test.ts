import { type Checkpoint, createPipeline, type Position } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  openReader,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)'];

/** What a poller of the same database would have saved. */
async function polled(it: Captured, change: Partial<Checkpoint> = {}): Promise<Checkpoint> {
  const [row] = await it.db.query<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  );
  return {
    kind: 'polling',
    identity: { systemIdentifier: row?.id ?? '', database: it.db.database, cursors: {} },
    position: '4711' as Position,
    epoch: 6,
    state: { cursors: {} },
    ...change,
  };
}

const REPLACING = { tables: ['t'], replaces: 'polling' } as const;

describe('replaces', () => {
  test('a checkpoint of the kind that is replaced: from the beginning of the slot, in the next epoch', async () => {
    await using it = await captured(TABLE, REPLACING);
    await it.db.query('INSERT INTO t VALUES (1)');
    const old = await polled(it);
    const first: string[] = [];
    for (let life = 0; life < 2; life += 1) {
      // Until something is saved the old checkpoint stays the stored one, and is taken over again.
      await using reader = await openReader(it.source, { after: old });
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert t {"id":1}']);
      const [event] = reader.rows;
      expect(event?.version).toMatch(/^000007-/);
      first.push(`${event?.id ?? ''} ${event?.version ?? ''}`);
    }
    expect(first[1]).toBe(first[0]);
    let own: Checkpoint;
    {
      await using reader = await openReader(it.source, { after: old });
      own = await (await reader.caughtUp()).acknowledge();
    }
    expect(own).toMatchObject({ kind: 'replication', epoch: 7 });
    await it.db.query('INSERT INTO t VALUES (2)');
    await using reader = await openReader(it.source, { after: own });
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":2}']);
    expect(reader.rows[0]?.version).toMatch(/^000007-/);
  });

  test('a pipeline that is switched saves under the new kind, over the old checkpoint', async () => {
    await using it = await captured(TABLE, REPLACING);
    const { signal } = new AbortController();
    const checkpoints = memoryCheckpointStore();
    await checkpoints.save('p', await polled(it), { replaces: null, revision: 'r1', signal });
    const sink = memorySink();
    const pipeline = createPipeline(it.source, sink, {
      name: 'p',
      checkpoints,
      deadLetters: memoryDeadLetterStore(),
    });
    await pipeline.start();
    await it.db.query('INSERT INTO t VALUES (1)');
    await pipeline.caughtUp();
    await pipeline.drain();
    expect(sink.effects).toHaveLength(1);
    const stored = await checkpoints.load('p', { signal });
    expect(stored?.checkpoint).toMatchObject({ kind: 'replication', epoch: 7 });
  });

  test('I8: another database, another kind, and a slot that is not there yet are refused', async () => {
    await using it = await captured(TABLE, REPLACING);
    const old = await polled(it);
    for (const after of [
      { ...old, identity: { ...old.identity, database: 'other' } },
      { ...old, identity: { ...old.identity, systemIdentifier: '1' } },
      { ...old, kind: 'outbox' },
    ])
      await expect(openReader(it.source, { after })).rejects.toMatchObject({
        code: 'GAP_CHECKPOINT_FOREIGN',
      });
    await expect(
      openReader(sourceOf(it.db, { tables: ['t'] }), { after: old }),
    ).rejects.toMatchObject({ remedy: expect.stringContaining("replaces: 'polling'") as string });
    await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
    await expect(openReader(it.source, { after: old })).rejects.toMatchObject({
      code: 'GAP_SWITCH',
      remedy: expect.stringContaining('start that one again') as string,
    });
  });
});
