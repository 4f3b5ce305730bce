import { createPipeline, GapError, type Pipeline, shareSource } from '@certyo-cdc/core';
import { memoryCheckpointStore, memoryDeadLetterStore, memorySink } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import type { ReplicationSourceOptions } from '../options.ts';
import { captured, sourceOf } from '../testing/captured.ts';

const QUICK = { checkpointIntervalMs: 10, batch: { lingerMs: 5 }, breaker: false } as const;

test('behind an accepted GAP_PUBLICATION a consumer that was further is not given again what its checkpoint covers', async () => {
  await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
  const checkpoints = memoryCheckpointStore();
  const deadLetters = memoryDeadLetterStore();
  const sinks = { a: memorySink(), b: memorySink() };
  const life = (
    recover?: ReplicationSourceOptions['recover'],
  ): { readonly a: Pipeline; readonly b: Pipeline } => {
    const more = recover === undefined ? {} : { recover };
    const source = sourceOf(it.db, { name: 's', tables: ['t'], checkpoints, deadLetters, ...more });
    const share = shareSource(source, { consumers: ['a', 'b'] });
    return {
      a: createPipeline(share.consumer('a'), sinks.a, QUICK),
      b: createPipeline(share.consumer('b'), sinks.b, QUICK),
    };
  };
  {
    const { a, b } = life();
    await Promise.all([a.start(), b.start()]);
    await it.db.query('INSERT INTO t VALUES (1)');
    await Promise.all([a.caughtUp(), b.caughtUp()]);
    await b.drain();
    await it.db.query('INSERT INTO t VALUES (2)');
    await a.caughtUp();
    await a.drain();
  }
  const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
  await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
  await it.db.query('ALTER PUBLICATION certyo_cdc DROP TABLE t');
  await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE t');
  const stopped = life().a;
  await stopped.start().catch(() => undefined);
  const gap = await stopped.closed;
  if (!(gap instanceof GapError)) throw new Error('no gap', { cause: gap });
  const { a, b } = life({ gap: gap.fingerprint ?? '', by: 'accept' });
  await Promise.all([a.start(), b.start()]);
  await it.db.query('INSERT INTO t VALUES (3)');
  await Promise.all([a.caughtUp(), b.caughtUp()]);
  await Promise.all([a.drain(), b.drain()]);
  // Of an event that comes again the sink shows only the first time in `effects`.
  const versions = sinks.a.requests
    .flatMap(({ items }) => items)
    .filter(({ payload }) => payload === '{"id":2}')
    .map(({ version }) => version);
  expect(versions).toEqual([expect.stringMatching(/^000001-/)]);
}, 60_000);
