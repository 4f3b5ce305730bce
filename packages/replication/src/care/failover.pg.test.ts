import { createPipeline, type Pipeline, type SourceEvent } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  openReader,
  startPostgres,
} from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, optionsOf, setUp, sourceOf } from '../testing/captured.ts';

const major = inject('postgresMajor');
const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

function warned(events: readonly SourceEvent[]): string[] {
  const codes = events.flatMap((event) => (event.type === 'source-warned' ? [event.code] : []));
  // That this server has known defects is another matter.
  return codes.filter((code) => code !== 'SERVER_DEFECTS');
}

describe('failover', () => {
  test('is refused before PostgreSQL 17, with what to do', async ({ skip }) => {
    skip(major >= 17, 'failover slots are there');
    const options = { tables: ['t'], failover: true };
    await using it = await captured(TABLE, { tables: ['t'] });
    await expect(setUp(optionsOf(it.db, options))).rejects.toThrow('failover needs PostgreSQL 17');
    await expect(openReader(sourceOf(it.db, options))).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
    });
  });

  test('R-14, R-15: setup makes a failover slot; what a failover would lose is warned of', async ({
    skip,
  }) => {
    skip(major < 17, 'failover slots came with PostgreSQL 17');
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await using db = await primary.createDatabase();
    for (const statement of TABLE) await db.query(statement);
    const options = {
      tables: ['t'],
      failover: { standbys: [standby.urlOf(db.database)] },
      care: { everyMs: 100 },
    };
    await setUp(optionsOf(db, options));
    expect(
      await db.query('SELECT failover FROM pg_replication_slots WHERE slot_type = $1', ['logical']),
    ).toEqual([{ failover: true }]);
    const synced = `SELECT 1 FROM pg_replication_slots WHERE synced AND NOT temporary`;
    {
      await using reader = await openReader(sourceOf(db, options));
      await expect.poll(() => warned(reader.sourceEvents)).toContain('FAILOVER_UNPROTECTED');
      await expect
        .poll(() => standby.query(synced), { timeout: 120_000, interval: 200 })
        .toHaveLength(1);
    }
    const [physical] = await primary.query<{ slot_name: string }>(
      `SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical'`,
    );
    await primary.query(
      `ALTER SYSTEM SET synchronized_standby_slots = '${physical?.slot_name ?? ''}'`,
    );
    await primary.query('SELECT pg_reload_conf()');
    {
      await using reader = await openReader(sourceOf(db, options));
      await expect.poll(() => reader.stream.slotHealth?.()).not.toBeNull();
      await db.query(`INSERT INTO t VALUES (1)`);
      await reader.caughtUp();
      expect(warned(reader.sourceEvents)).not.toContain('FAILOVER_UNPROTECTED');
      expect(warned(reader.sourceEvents)).not.toContain('FAILOVER_NOT_SYNCED');
      // Away: what is written now is not delivered, and the reason is told.
      standby.pause();
      await primary.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = $1',
        ['walreceiver'],
      );
      await db.query(`INSERT INTO t VALUES (2)`);
      await expect.poll(() => warned(reader.sourceEvents)).toContain('FAILOVER_STANDBY_AWAY');
      expect(reader.told).toEqual(['insert t {"id":1,"v":null}']);
      standby.resume();
      await expect.poll(() => reader.told).toContain('insert t {"id":2,"v":null}');
    }
    // On a standby the copy cannot be read: no gap, but a matter of time.
    const onStandby = sourceOf(
      { database: db.database, url: standby.urlOf(db.database) },
      { tables: ['t'] },
    );
    await expect(openReader(onStandby)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  });
});

describe('a standby as the captured server', () => {
  test('setup makes publication and slot where they belong; nothing is lost, heartbeats go to the primary', async ({
    skip,
  }) => {
    skip(major < 16, 'a slot can be made on a standby from PostgreSQL 16 on');
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await using db = await primary.createDatabase();
    for (const statement of TABLE) await db.query(statement);
    // The database itself has to be there before anything can connect to it.
    await expect
      .poll(() => standby.query('SELECT 1 FROM pg_database WHERE datname = $1', [db.database]))
      .toHaveLength(1);
    const there = { database: db.database, url: standby.urlOf(db.database) };
    const source = sourceOf(there, {
      tables: ['t'],
      primary: db.url,
      heartbeat: { everyMs: 50 },
      takeover: true,
    });
    const printed = await source.setup({ dryRun: true });
    expect(printed.at(-1)).toContain('pg_create_logical_replication_slot');
    expect(await source.setup()).toEqual(printed);
    expect(await source.setup()).toEqual([]);
    const sink = memorySink();
    const pipeline: Pipeline = createPipeline(source, sink, {
      checkpoints: memoryCheckpointStore(),
      deadLetters: memoryDeadLetterStore(),
    });
    await pipeline.start();
    await db.query(`INSERT INTO t SELECT i, 'x' FROM generate_series(1, 500) i`);
    await expect.poll(() => sink.effects.length).toBe(500);
    await expect
      .poll(() => db.query('SELECT 1 FROM certyo.heartbeats WHERE beats > 2'))
      .toHaveLength(1);
    await db.query('INSERT INTO t VALUES (501)');
    await expect.poll(() => sink.effects.length).toBe(501);
    expect(new Set(sink.effects.map(({ eventId }) => eventId)).size).toBe(501);
    expect(sink.repeats).toEqual([]);
    await pipeline.drain();
    await expect
      .poll(() =>
        source.teardown().then(
          () => 'done',
          (error: Error) => error.message,
        ),
      )
      .toBe('done');
    expect(
      await standby.query(`SELECT 1 FROM pg_replication_slots WHERE slot_type = 'logical'`),
    ).toEqual([]);
    expect(await db.query('SELECT 1 FROM pg_publication')).toEqual([]);
  });
});

describe('replica identity', () => {
  test('R-22: one that is made unusable while the stream runs is warned of', async () => {
    await using it = await captured(TABLE, { tables: ['t'], care: { everyMs: 100 } });
    await using reader = await openReader(it.source);
    await it.db.query('ALTER TABLE t REPLICA IDENTITY NOTHING');
    await expect.poll(() => warned(reader.sourceEvents)).toContain('IDENTITY_UNUSABLE');
    // The server refuses what would lose its key; what it takes is whole.
    await it.db.query('INSERT INTO t VALUES (1)');
    await expect(it.db.query('DELETE FROM t')).rejects.toMatchObject({ code: '55000' });
    await it.db.query('ALTER TABLE t REPLICA IDENTITY DEFAULT');
    await it.db.query('DELETE FROM t');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1,"v":null}', 'delete t {"id":1}']);
  });
});
