import { createPipeline, GapError, type Pipeline } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  openReader,
  startPostgres,
} from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import type { ReplicationSourceOptions } from '../options.ts';
import { captured, sourceOf } from '../testing/captured.ts';

const major = inject('postgresMajor');
const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'];

describe('recover with twoPhase', () => {
  test('what was prepared before the hole and is committed behind it is delivered', async ({
    skip,
  }) => {
    skip(major < 15, 'twoPhase came with PostgreSQL 15');
    await using server = await startPostgres({ major, settings: { max_prepared_transactions: 5 } });
    const options = { tables: ['t'], twoPhase: true };
    await using it = await captured(TABLE, options, server);
    const sink = memorySink();
    const checkpoints = memoryCheckpointStore();
    const pipeline = (more: Partial<ReplicationSourceOptions> = {}): Pipeline => {
      const { connection: _connection, ...rest } = more;
      return createPipeline(sourceOf(it.db, { ...options, ...rest }), sink, {
        name: 'p',
        checkpoints,
        deadLetters: memoryDeadLetterStore(),
      });
    };
    {
      await using first = pipeline();
      await first.start();
      await it.db.query(`BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p'`);
      await it.db.query('INSERT INTO t VALUES (2)');
      await first.caughtUp();
    }
    await it.db.query('ALTER PUBLICATION certyo_cdc DROP TABLE t');
    await it.db.query('INSERT INTO t VALUES (3)');
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE t');
    const stopped = pipeline();
    await stopped.start().catch(() => undefined);
    const gap = await stopped.closed;
    expect(gap).toMatchObject({ code: 'GAP_PUBLICATION' });
    const fingerprint = gap instanceof GapError ? (gap.fingerprint ?? '') : '';
    await using again = pipeline({ recover: { gap: fingerprint, by: 'accept' } });
    await again.start();
    await it.db.query(`COMMIT PREPARED 'p'`);
    await it.db.query('INSERT INTO t VALUES (4)');
    await again.caughtUp();
    expect(sink.effects.map(({ operation, payload }) => `${operation} ${payload}`)).toEqual([
      'insert {"id":2}',
      'gap {}',
      'insert {"id":1}',
      'insert {"id":4}',
    ]);
  });

  test('GAP_SLOT_AHEAD between a PREPARE and the checkpoint: what was delivered does not come again', async ({
    skip,
  }) => {
    skip(major < 15, 'twoPhase came with PostgreSQL 15');
    await using server = await startPostgres({ major, settings: { max_prepared_transactions: 5 } });
    const options = { tables: ['t'], twoPhase: true };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options, server);
    const seen = new Set<string>();
    let after;
    let between = '';
    {
      await using reader = await openReader(it.source);
      await it.db.query(`BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p'`);
      const [row] = await it.db.query<{ lsn: string }>(
        'SELECT pg_current_wal_insert_lsn()::text AS lsn',
      );
      between = row?.lsn ?? '';
      await it.db.query('INSERT INTO t VALUES (2)');
      await reader.caughtUp();
      after = await reader.acknowledge();
      for (const event of reader.rows) seen.add(event.id);
    }
    expect(seen.size).toBe(1);
    const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
    await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
    await it.db.query(`SELECT pg_replication_slot_advance($1, '${between}')`, [it.db.database]);
    const gap = (await openReader(it.source, { after }).catch(
      (error: unknown) => error,
    )) as GapError;
    expect(gap.code).toBe('GAP_SLOT_AHEAD');
    const recover = { gap: gap.fingerprint ?? '', by: 'accept' } as const;
    await using reader = await openReader(sourceOf(it.db, { ...options, recover }), { after });
    await it.db.query('INSERT INTO t VALUES (3)');
    await reader.caughtUp();
    expect(reader.rows.filter(({ id }) => seen.has(id))).toEqual([]);
    expect(reader.rows.map(({ key }) => key['id'])).toEqual([3]);
    after = await reader.acknowledge();
    // Of what was prepared in the hole only the end comes.
    await it.db.query(`COMMIT PREPARED 'p'`);
    const next = (await reader.ended()) as GapError;
    expect(next).toMatchObject({ code: 'GAP_SLOT_AHEAD', fingerprint: expect.any(String) });
    const again = { gap: next.fingerprint ?? '', by: 'accept' } as const;
    await using last = await openReader(sourceOf(it.db, { ...options, recover: again }), { after });
    await it.db.query('INSERT INTO t VALUES (4)');
    await last.caughtUp();
    expect(last.rows.map(({ key }) => key['id'])).toEqual([4]);
  });
});
