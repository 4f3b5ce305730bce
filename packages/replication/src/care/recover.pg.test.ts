import { createPipeline, GapError, type Pipeline } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  type MemorySink,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import type { ReplicationSourceOptions } from '../options.ts';
import { replicationSource } from '../replication-source.ts';
import { type Captured, captured, optionsOf } from '../testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];
type Choice = NonNullable<ReplicationSourceOptions['recover']>;

interface Delivering extends Captured {
  readonly sink: MemorySink;
  readonly pipeline: (recover?: Choice) => Pipeline;
}

/** Has delivered row 1. */
async function delivering(): Promise<Delivering> {
  const it = await captured(TABLE, { tables: ['t'] });
  const sink = memorySink();
  const checkpoints = memoryCheckpointStore();
  const pipeline = (recover?: Choice): Pipeline =>
    createPipeline(
      replicationSource(optionsOf(it.db, { tables: ['t'], ...(recover ? { recover } : {}) })),
      sink,
      { name: 'p', checkpoints, deadLetters: memoryDeadLetterStore() },
    );
  {
    await using first = pipeline();
    await first.start();
    await it.db.query('INSERT INTO t VALUES (1)');
    await first.caughtUp();
  }
  // The server notices the end of a connection a moment later.
  const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
  await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
  return { ...it, sink, pipeline };
}

async function gapOf(pipeline: Pipeline): Promise<GapError> {
  await pipeline.start().catch(() => undefined);
  const error = await pipeline.closed;
  if (!(error instanceof GapError)) throw new Error('There was no gap.', { cause: error });
  return error;
}

function told(sink: MemorySink): string[] {
  return sink.effects.map(({ operation, payload }) => `${operation} ${payload}`);
}

const DAMAGES: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'GAP_SLOT_AHEAD',
    'made again',
    [
      'SELECT pg_drop_replication_slot($slot)',
      `INSERT INTO t VALUES (2)`,
      `SELECT pg_create_logical_replication_slot($slot, 'pgoutput')`,
    ],
  ],
  [
    'GAP_SLOT_MISSING',
    'gone',
    ['INSERT INTO t VALUES (2)', 'SELECT pg_drop_replication_slot($slot)'],
  ],
  [
    'GAP_PUBLICATION',
    'without the table for a while',
    [
      'ALTER PUBLICATION certyo_cdc DROP TABLE t',
      'INSERT INTO t VALUES (2)',
      'ALTER PUBLICATION certyo_cdc ADD TABLE t',
    ],
  ],
];

describe('recover', () => {
  test.each(DAMAGES)(
    '%s (%s): accept records the hole as an event and goes on behind it',
    async (code, _what, statements) => {
      await using it = await delivering();
      for (const statement of statements) {
        await it.db.query(statement.replace('$slot', `'${it.db.database}'`));
      }
      const gap = await gapOf(it.pipeline());
      expect(gap.code).toBe(code);
      const fingerprint = gap.fingerprint ?? '';
      expect(gap.message).toContain(`recover: { gap: '${fingerprint}', by: 'accept' }`);
      // The same at every attempt.
      expect((await gapOf(it.pipeline())).fingerprint).toBe(fingerprint);
      // A decision about another gap is none about this one.
      const other = await gapOf(it.pipeline({ gap: '0123456789abcdef', by: 'accept' }));
      expect(other.fingerprint).toBe(fingerprint);
      const before = it.sink.effects.at(-1);
      {
        await using pipeline = it.pipeline({ gap: fingerprint, by: 'accept' });
        await pipeline.start();
        await it.db.query('INSERT INTO t VALUES (3)');
        await pipeline.caughtUp();
      }
      expect(told(it.sink)).toEqual([
        'insert {"id":1,"v":null}',
        'gap {}',
        'insert {"id":3,"v":null}',
      ]);
      const [, hole, after] = it.sink.effects;
      expect((hole?.version ?? '') > (before?.version ?? '')).toBe(true);
      expect((after?.version ?? '') > (hole?.version ?? '')).toBe(true);
      expect(after?.version).toMatch(/^000001-/);
      // The option may stay: it names a gap that is over.
      await using again = it.pipeline({ gap: fingerprint, by: 'accept' });
      await again.start();
      await it.db.query('INSERT INTO t VALUES (4)');
      await again.caughtUp();
      expect(told(it.sink).slice(3)).toEqual(['insert {"id":4,"v":null}']);
      // And it does not accept the next one.
      await again.drain();
      await expect
        .poll(() =>
          it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]).then(
            () => 'dropped',
            (error: Error) => error.message,
          ),
        )
        .toBe('dropped');
      const next = await gapOf(it.pipeline({ gap: fingerprint, by: 'accept' }));
      expect(next.code).toBe('GAP_SLOT_MISSING');
      expect(next.fingerprint).not.toBe(fingerprint);
    },
  );

  test('copy hands over the rows as they are behind the record of the hole', async () => {
    await using it = await delivering();
    await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
    await it.db.query(`INSERT INTO t VALUES (2)`);
    await it.db.query(`UPDATE t SET v = 'lost' WHERE id = 1`);
    const { fingerprint } = await gapOf(it.pipeline());
    await using pipeline = it.pipeline({ gap: fingerprint ?? '', by: 'copy' });
    await pipeline.start();
    await expect
      .poll(() => told(it.sink).slice(2).sort())
      .toEqual(['snapshot {"id":1,"v":"lost"}', 'snapshot {"id":2,"v":null}']);
    expect(told(it.sink)[1]).toBe('gap {}');
    await it.db.query('INSERT INTO t VALUES (3)');
    await pipeline.caughtUp();
    expect(told(it.sink).at(-1)).toBe('insert {"id":3,"v":null}');
  });

  test('R-22: changes without a key stop in GAP_IDENTITY, and accept passes them by', async () => {
    await using it = await delivering();
    let gap: GapError;
    {
      await using pipeline = it.pipeline();
      await pipeline.start();
      await it.db
        .query('ALTER TABLE t ALTER v SET DEFAULT $$x$$, ALTER v SET NOT NULL')
        .catch(async () => {
          await it.db.query(`UPDATE t SET v = 'x'`);
          await it.db.query('ALTER TABLE t ALTER v SET NOT NULL');
        });
      await it.db.query('CREATE UNIQUE INDEX by_v ON t (v)');
      await it.db.query('ALTER TABLE t REPLICA IDENTITY USING INDEX by_v');
      await it.db.query('DELETE FROM t WHERE id = 1');
      const error = await pipeline.closed;
      expect(error).toMatchObject({ code: 'GAP_IDENTITY' });
      gap = error as GapError;
    }
    expect(gap.message).toContain('ALTER TABLE public.t REPLICA IDENTITY DEFAULT');
    expect(told(it.sink).join('\n')).not.toContain('delete');
    await it.db.query('ALTER TABLE t REPLICA IDENTITY DEFAULT');
    // Restoring it is not enough: what was written meanwhile is in the log.
    const again = await gapOf(it.pipeline());
    expect(again.code).toBe('GAP_IDENTITY');
    await using pipeline = it.pipeline({ gap: again.fingerprint ?? '', by: 'accept' });
    await pipeline.start();
    await it.db.query(`INSERT INTO t VALUES (7, 'y')`);
    await pipeline.caughtUp();
    expect(told(it.sink).slice(-2)).toEqual(['gap {}', 'insert {"id":7,"v":"y"}']);
  });
});
