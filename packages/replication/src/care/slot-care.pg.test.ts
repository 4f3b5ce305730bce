import { createPipeline, type SourceEvent } from '@certyo-cdc/core';
import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  openReader,
  startPostgres,
} from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

const major = inject('postgresMajor');
const TABLES = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (v text)'];

function warned(events: readonly SourceEvent[]): string[] {
  const codes = events.flatMap((event) => (event.type === 'source-warned' ? [event.code] : []));
  // That this server has known defects is another matter.
  return codes.filter((code) => code !== 'SERVER_DEFECTS');
}

describe('slotHealth', () => {
  test('R-11: tells what the server keeps, warns with the remedy, and is shown by status()', async () => {
    await using server = await startPostgres({
      major,
      settings: { max_slot_wal_keep_size: '64MB', max_wal_size: '32MB', min_wal_size: '32MB' },
    });
    const care = { everyMs: 50, warnRetainedBytes: 1_000_000, warnUnacknowledgedMs: 1 };
    await using it = await captured(TABLES, { tables: ['t'], care }, server);
    const sink = memorySink();
    const events: SourceEvent[] = [];
    const pipeline = createPipeline(it.source, sink, {
      checkpoints: memoryCheckpointStore(),
      deadLetters: memoryDeadLetterStore(),
      onEvent: (event) => {
        events.push(event as SourceEvent);
      },
    });
    await pipeline.start();
    await expect
      .poll(() => pipeline.status().slot)
      .toMatchObject({
        slot: it.db.database,
        isActive: true,
        walStatus: 'reserved',
        invalidation: null,
        maxRetainedBytes: 64 * 1024 * 1024,
        unacknowledgedMs: null,
      });
    expect(pipeline.status().slot?.safeBytes).toBeGreaterThan(0);
    await pipeline.stop();
    await using reader = await openReader(it.source, { paused: true });
    await it.db.query('INSERT INTO t VALUES (1)');
    await expect.poll(() => reader.events.length).toBe(1);
    // Nothing is acknowledged while the log grows.
    await it.db.query(`INSERT INTO u SELECT repeat('x', 900) FROM generate_series(1, 20000)`);
    await it.db.query('CHECKPOINT');
    await it.db.query(`INSERT INTO u SELECT repeat('x', 900) FROM generate_series(1, 20000)`);
    await expect
      .poll(() => warned(reader.sourceEvents))
      .toEqual(
        expect.arrayContaining(['SLOT_RETAINED', 'SLOT_UNACKNOWLEDGED', 'SLOT_RUNNING_OUT']),
      );
    // The next look shows all that was written.
    await expect
      .poll(() => reader.stream.slotHealth?.()?.retainedBytes)
      .toBeGreaterThan(20_000_000);
    const health = reader.stream.slotHealth?.();
    expect(health?.walBytesPerSecond).toBeGreaterThan(0);
    expect(health?.exhaustedInMs).toBeGreaterThan(0);
    expect(health?.unacknowledgedMs).toBeGreaterThan(0);
    // Each once: they stay true.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(warned(reader.sourceEvents).filter((code) => code === 'SLOT_RETAINED')).toHaveLength(1);
  });

  test('`care: false` looks at nothing', async () => {
    await using it = await captured(TABLES, { tables: ['t'], care: false });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    expect(reader.stream.slotHealth?.()).toBeNull();
  });

  test('I12: an end leaves no timer behind', async () => {
    await using it = await captured(TABLES, { tables: ['t'], care: { everyMs: 20 } });
    const before = process.getActiveResourcesInfo().length;
    const source = sourceOf(it.db, {
      tables: ['t'],
      care: { everyMs: 20 },
      heartbeat: { everyMs: 20 },
    });
    {
      await using reader = await openReader(source);
      await expect.poll(() => reader.stream.slotHealth?.()).not.toBeNull();
    }
    await expect
      .poll(() => process.getActiveResourcesInfo().length)
      .toBeLessThanOrEqual(before + 1);
  });
});

describe('heartbeat', () => {
  test('R-04, I10: writes into the log of an idle database and never becomes an event', async () => {
    await using server = await startPostgres({ major });
    const heartbeat = { everyMs: 20 };
    await using it = await captured(TABLES, { tables: ['t'], heartbeat, care: false }, server);
    const written = async (): Promise<number> => {
      const [row] = await it.db.query<{ n: string }>(
        `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text AS n`,
      );
      return Number(row?.n);
    };
    const before = await written();
    await using reader = await openReader(it.source);
    await expect.poll(written).toBeGreaterThan(before + 1_000);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}']);
    // One end per transaction with changes, and none for a beat: saving it would be the next beat's echo.
    expect(reader.batches.filter((batch) => batch.end !== null).length).toBeLessThanOrEqual(2);
    expect(warned(reader.sourceEvents)).toEqual([]);
  });

  test('I10: never becomes an event, not even where all messages and all tables are captured', async () => {
    await using server = await startPostgres({ major });
    const options = {
      tables: ['t'],
      messages: true,
      heartbeat: { everyMs: 20 },
      care: false,
    } as const;
    await using it = await captured(TABLES, options, server);
    await it.source.setup();
    await it.db.query('DROP PUBLICATION certyo_cdc');
    await it.db.query(
      'CREATE PUBLICATION certyo_cdc FOR ALL TABLES WITH (publish_via_partition_root = true)',
    );
    await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
    await it.db.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [
      it.db.database,
    ]);
    // The second time by the table.
    for (const statement of [
      'SELECT 1',
      `REVOKE EXECUTE ON FUNCTION ${['text', 'bytea'].map((type) => `pg_logical_emit_message(boolean, text, ${type}${major >= 17 ? ', boolean' : ''})`).join(', ')} FROM PUBLIC`,
    ]) {
      await it.db.query(statement);
      const isByTable = statement.startsWith('REVOKE');
      if (isByTable) {
        await it.db.query('CREATE ROLE all_beater LOGIN REPLICATION');
        await it.db.query('GRANT USAGE ON SCHEMA certyo TO all_beater');
        await it.db.query('GRANT SELECT, INSERT, UPDATE ON certyo.heartbeats TO all_beater');
      }
      const connection = server.urlOf(it.db.database, isByTable ? 'all_beater' : undefined);
      const sink = memorySink();
      const checkpoints = memoryCheckpointStore();
      await using pipeline = createPipeline(sourceOf(it.db, { ...options, connection }), sink, {
        checkpoints,
        deadLetters: memoryDeadLetterStore(),
        checkpointIntervalMs: 10,
      });
      await pipeline.start();
      await it.db.query('SELECT pg_sleep(0.5)');
      await pipeline.caughtUp();
      expect(sink.effects).toEqual([]);
      expect(checkpoints.saves).toBeLessThanOrEqual(2);
      const beats = await it.db.query<{ beats: number }>(
        'SELECT beats::int AS beats FROM certyo.heartbeats',
      );
      if (isByTable) expect(beats[0]?.beats).toBeGreaterThan(2);
      await pipeline.drain();
    }
  });

  test('where the role may not write messages it beats in the table of setup()', async () => {
    await using server = await startPostgres({ major });
    await using it = await captured(TABLES, { tables: ['t'] }, server);
    await it.db.query(
      `REVOKE EXECUTE ON FUNCTION ${['text', 'bytea'].map((type) => `pg_logical_emit_message(boolean, text, ${type}${major >= 17 ? ', boolean' : ''})`).join(', ')} FROM PUBLIC`,
    );
    await it.db.query('CREATE ROLE beater LOGIN REPLICATION');
    const options = { tables: ['t'], heartbeat: { everyMs: 20 }, care: false } as const;
    const asBeater = server.urlOf(it.db.database, 'beater');
    const source = sourceOf(it.db, { ...options, connection: asBeater });
    {
      await using reader = await openReader(source);
      await expect.poll(() => warned(reader.sourceEvents)).toContain('HEARTBEAT_FAILED');
    }
    const setup = await sourceOf(it.db, options).setup();
    expect(setup.join('\n')).toContain('"heartbeats"');
    await it.db.query('GRANT USAGE ON SCHEMA certyo TO beater');
    await it.db.query('GRANT SELECT, INSERT, UPDATE ON certyo.heartbeats TO beater');
    await using reader = await openReader(source);
    const beats = async (): Promise<number> => {
      const [row] = await it.db.query<{ beats: number }>(
        'SELECT beats::int AS beats FROM certyo.heartbeats WHERE name = $1',
        [it.db.database],
      );
      return row?.beats ?? 0;
    };
    await expect.poll(beats).toBeGreaterThan(2);
    expect(warned(reader.sourceEvents)).not.toContain('HEARTBEAT_FAILED');
    expect(reader.events).toEqual([]);
  });
});
