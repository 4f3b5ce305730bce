import { createPipeline, GapError, type Pipeline, shareSource } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  type MemorySink,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import type { ReplicationSourceOptions } from './options.ts';
import { type Captured, captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)'];
const QUICK = { checkpointIntervalMs: 10, batch: { lingerMs: 5 }, breaker: false } as const;
type Choice = NonNullable<ReplicationSourceOptions['recover']>;

interface Shared extends Captured {
  readonly sinks: { readonly a: MemorySink; readonly b: MemorySink };
  /** The pipelines of a process. */
  readonly life: (recover?: Choice) => { readonly a: Pipeline; readonly b: Pipeline };
}

/** Two consumers that have row 1 and stopped; `b` has a row less. */
async function shared(): Promise<Shared> {
  const it = await captured(TABLE, { tables: ['t'] });
  const checkpoints = memoryCheckpointStore();
  const deadLetters = memoryDeadLetterStore();
  const sinks = { a: memorySink(), b: memorySink() };
  const life = (recover?: Choice): { readonly a: Pipeline; readonly b: Pipeline } => {
    const more = recover === undefined ? {} : { recover };
    const source = sourceOf(it.db, { name: 's', tables: ['t'], checkpoints, deadLetters, ...more });
    const share = shareSource(source, { consumers: ['a', 'b'] });
    return {
      a: createPipeline(share.consumer('a'), sinks.a, QUICK),
      b: createPipeline(share.consumer('b'), sinks.b, QUICK),
    };
  };
  const { a, b } = life();
  await Promise.all([a.start(), b.start()]);
  await it.db.query('INSERT INTO t VALUES (1)');
  await Promise.all([a.caughtUp(), b.caughtUp()]);
  await b.drain();
  await it.db.query('INSERT INTO t VALUES (2)');
  await a.caughtUp();
  await a.drain();
  const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
  await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
  return { ...it, sinks, life };
}

function told(sink: MemorySink): readonly string[] {
  return sink.effects.map(({ operation, payload }) => `${operation} ${payload}`);
}

async function gapOf(pipeline: Pipeline): Promise<GapError> {
  await pipeline.start().catch(() => undefined);
  const error = await pipeline.closed;
  if (!(error instanceof GapError)) throw new Error('There was no gap.', { cause: error });
  return error;
}

const DAMAGES: readonly (readonly [string, readonly string[]])[] = [
  ['GAP_SLOT_MISSING', ['INSERT INTO t VALUES (3)', 'SELECT pg_drop_replication_slot($slot)']],
  [
    'GAP_PUBLICATION',
    [
      'ALTER PUBLICATION certyo_cdc DROP TABLE t',
      'INSERT INTO t VALUES (3)',
      'ALTER PUBLICATION certyo_cdc ADD TABLE t',
    ],
  ],
];

describe('recover through shareSource', () => {
  test.each(DAMAGES)(
    '%s: every consumer stops in it, and goes on behind its record, together or one after the other',
    async (code, statements) => {
      for (const isTogether of [true, false]) {
        await using it = await shared();
        for (const statement of statements) {
          await it.db.query(statement.replace('$slot', `'${it.db.database}'`));
        }
        const gap = await gapOf(it.life().a);
        expect(gap.code).toBe(code);
        expect((await gapOf(it.life().b)).fingerprint).toBe(gap.fingerprint);
        const recover = { gap: gap.fingerprint ?? '', by: 'accept' } as const;
        let { a, b } = it.life(recover);
        await (isTogether ? Promise.all([a.start(), b.start()]) : a.start());
        await it.db.query('INSERT INTO t VALUES (4)');
        await a.caughtUp();
        if (!isTogether) {
          // Also in the next life, as long as the other one has not been there.
          await a.drain();
          ({ a, b } = it.life(recover));
          await Promise.all([a.start(), b.start()]);
        }
        await it.db.query('INSERT INTO t VALUES (5)');
        await Promise.all([a.caughtUp(), b.caughtUp()]);
        expect(told(it.sinks.a)).toContain('gap {}');
        expect(told(it.sinks.b)).toContain('gap {}');
        for (const sink of Object.values(it.sinks)) {
          expect(told(sink).filter((what) => what === 'gap {}')).toHaveLength(1);
          expect(told(sink).slice(-2)).toEqual(['insert {"id":4}', 'insert {"id":5}']);
          // On the same history positions go on, and the epoch with them (I4).
          expect(sink.effects.at(-1)?.version).toMatch(/^000001-/);
          expect(sink.repeats).toEqual([]);
        }
        await Promise.all([a.drain(), b.drain()]);
        // It is over: without the option they go on as ever.
        const next = it.life();
        await Promise.all([next.a.start(), next.b.start()]);
        await it.db.query('INSERT INTO t VALUES (6)');
        await Promise.all([next.a.caughtUp(), next.b.caughtUp()]);
        for (const sink of Object.values(it.sinks)) {
          expect(told(sink).at(-1)).toBe('insert {"id":6}');
        }
        await Promise.all([next.a.drain(), next.b.drain()]);
      }
    },
    60_000,
  );

  test('I4: behind GAP_PUBLICATION a consumer that was further is not given again what its checkpoint covers', async () => {
    await using it = await shared();
    await it.db.query('ALTER PUBLICATION certyo_cdc DROP TABLE t');
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE t');
    const gap = await gapOf(it.life().a);
    const { a, b } = it.life({ gap: gap.fingerprint ?? '', by: 'accept' });
    await Promise.all([a.start(), b.start()]);
    await it.db.query('INSERT INTO t VALUES (3)');
    await Promise.all([a.caughtUp(), b.caughtUp()]);
    await Promise.all([a.drain(), b.drain()]);
    expect(told(it.sinks.a)).toEqual([
      'insert {"id":1}',
      'insert {"id":2}',
      'gap {}',
      'insert {"id":3}',
    ]);
    expect(told(it.sinks.b)).toEqual([
      'insert {"id":1}',
      'gap {}',
      'insert {"id":2}',
      'insert {"id":3}',
    ]);
    for (const sink of Object.values(it.sinks)) expect(sink.repeats).toEqual([]);
    const versionOf = (sink: MemorySink): string | undefined =>
      sink.effects.find(({ payload }) => payload === '{"id":2}')?.version;
    expect(versionOf(it.sinks.b)).toBe(versionOf(it.sinks.a));
  }, 60_000);

  test('copy hands the rows to all of them', async () => {
    await using it = await shared();
    await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
    await it.db.query('INSERT INTO t VALUES (3)');
    const gap = await gapOf(it.life().a);
    const { a, b } = it.life({ gap: gap.fingerprint ?? '', by: 'copy' });
    await Promise.all([a.start(), b.start()]);
    for (const sink of Object.values(it.sinks)) {
      await expect
        .poll(() =>
          told(sink)
            .filter((what) => what.startsWith('snapshot'))
            .sort(),
        )
        .toEqual([1, 2, 3].map((id) => `snapshot {"id":${id}}`));
      expect(told(sink)).toContain('gap {}');
    }
    await Promise.all([a.drain(), b.drain()]);
  }, 60_000);
});
