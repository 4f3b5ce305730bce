import { openReader, startPostgres } from '@certyo-cdc/testing';
import type { TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];
const major = inject('postgresMajor');

async function walsender(db: TestDatabase): Promise<number | null> {
  const [row] = await db.query<{ active_pid: number | null }>(
    'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
    [db.database],
  );
  return row?.active_pid ?? null;
}

describe('servers', () => {
  test('R-07: after a kill -9 of the server nothing that was acknowledged comes again', async () => {
    await using server = await startPostgres({ major, settings: { checkpoint_timeout: '1h' } });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t SELECT generate_series(1, 5)');
      after = await (await reader.caughtUp()).acknowledge();
      // The same stream goes on by itself, too, without repeating anything.
      await server.crash();
      await server.start();
      await it.db.query('INSERT INTO t VALUES (6)');
      await expect.poll(() => reader.events.length).toBe(6);
      expect(reader.rows.map((row) => row.key['id'])).toEqual([1, 2, 3, 4, 5, 6]);
    }
    await server.crash();
    await server.start();
    const [slot] = await it.db.query<{ behind: boolean }>(
      'SELECT confirmed_flush_lsn < $1::pg_lsn AS behind FROM pg_replication_slots',
      [after.position],
    );
    expect(slot?.behind).toBe(true);
    await using reader = await openReader(it.source, { after });
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual([6]);
  });

  test('R-10: a fast shutdown takes less than 5 s, whatever the consumer does, and the stream goes on', async () => {
    await using server = await startPostgres({ major });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    await using stalled = await openReader(it.source, { paused: true });
    await it.db.query(`INSERT INTO t SELECT i, 'x' FROM generate_series(1, 1000) i`);
    await expect.poll(() => stalled.events.length).toBeGreaterThan(0);
    const startedAt = Date.now();
    await server.stop('fast', 20_000);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    await server.start();
    await it.db.query(`INSERT INTO t VALUES (1001, 'y')`);
    stalled.resume();
    await expect.poll(() => stalled.events.length).toBe(1_001);
    // Now one that reads everything, answers, and acknowledges nothing.
    const secondAt = Date.now();
    await server.stop('fast', 20_000);
    expect(Date.now() - secondAt).toBeLessThan(5_000);
    await server.start();
    await it.db.query(`INSERT INTO t VALUES (1002, 'z')`);
    await expect.poll(() => stalled.events.length).toBe(1_002);
    expect(stalled.failure).toBeNull();
  });

  test('R-08: a consumer that stands still for three times wal_sender_timeout loses neither connection nor row', async () => {
    await using server = await startPostgres({ major, settings: { wal_sender_timeout: '3s' } });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    await using reader = await openReader(it.source, { paused: true });
    const pid = await walsender(it.db);
    expect(pid).not.toBeNull();
    await it.db.query(`INSERT INTO t SELECT i, repeat('x', 300) FROM generate_series(1, 30000) i`);
    await new Promise((resolve) => setTimeout(resolve, 9_500));
    expect(await walsender(it.db)).toBe(pid);
    reader.resume();
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual(
      Array.from({ length: 30_000 }, (_, i) => i + 1),
    );
    expect(await walsender(it.db)).toBe(pid);
    expect(reader.sourceEvents.map((event) => event.type)).not.toContain('source-disconnected');
  });

  test('R-09: with wal_sender_timeout = 0 acknowledgements still reach the server, and caughtUp resolves', async () => {
    await using server = await startPostgres({ major, settings: { wal_sender_timeout: 0 } });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await reader.caughtUp();
    const { position } = await reader.acknowledge();
    await expect
      .poll(async () => {
        const rows = await it.db.query<{ lsn: string }>(
          'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots',
        );
        return rows[0]?.lsn;
      })
      .toBe(position);
  });

  test('R-11: a slot that max_slot_wal_keep_size has invalidated stops the stream', async () => {
    await using server = await startPostgres({
      major,
      settings: { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB' },
    });
    await using it = await captured(
      [...TABLE, 'CREATE TABLE u (v text)'],
      { tables: ['t'] },
      server,
    );
    await using reader = await openReader(it.source, { paused: true });
    await it.db.query(`INSERT INTO t VALUES (1)`);
    await expect.poll(() => reader.events.length).toBe(1);
    await reader.acknowledge();
    // Nothing is acknowledged from here on, and the log moves on.
    for (let i = 0; i < 4; i++) {
      await it.db.query(`INSERT INTO u SELECT repeat('x', 900) FROM generate_series(1, 20000)`);
      await it.db.query('SELECT pg_switch_wal()');
      await it.db.query('CHECKPOINT');
    }
    await expect
      .poll(async () => {
        const rows = await it.db.query<{ wal_status: string }>(
          'SELECT wal_status FROM pg_replication_slots',
        );
        return rows[0]?.wal_status;
      })
      .toBe('lost');
    reader.resume();
    await expect(reader.ended()).resolves.toMatchObject({ code: 'GAP_SLOT_LOST' });
    expect((reader.failure as Error).message).toContain('pg_drop_replication_slot');
    expect(reader.events).toHaveLength(1);
    await expect(openReader(it.source, { after: reader.checkpoint() })).rejects.toMatchObject({
      code: 'GAP_SLOT_LOST',
    });
  });

  test('a server that cannot load the plugin of the slot is not taken for one that has lost the slot', async () => {
    await using server = await startPostgres({ major });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    const after = await (await reader.caughtUp()).acknowledge();
    await server.restart({ dynamic_library_path: '/nowhere' });
    expect(await reader.ended()).toMatchObject({ code: 'SOURCE_SETUP' });
    await server.restart({ dynamic_library_path: '$libdir' });
    await it.db.query('INSERT INTO t VALUES (2)');
    await using again = await openReader(it.source, { after });
    await again.caughtUp();
    expect(again.rows.map(({ key }) => key['id'])).toEqual([2]);
  });

  test('R-13: a standby that has not replayed what was read yet is waited for, not taken for a restored server', async ({
    skip,
  }) => {
    skip(major < 16, 'a slot can be made on a standby from PostgreSQL 16 on');
    await using primary = await startPostgres({ major });
    await using it = await captured(TABLE, { tables: ['t'] }, primary);
    await using standby = await startPostgres({ standbyOf: primary });
    const there = { database: it.db.database, url: standby.urlOf(it.db.database) };
    const source = sourceOf(there, { tables: ['t'], slot: 'there', primary: it.db.url });
    await source.setup();
    {
      await using reader = await openReader(source);
      await it.db.query('INSERT INTO t VALUES (1)');
      await expect.poll(() => reader.rows).toHaveLength(1);
      const after = await reader.acknowledge();
      // It comes back with a part of the log that it had replayed before.
      await standby.crash();
      await standby.start({ recovery_min_apply_delay: '1h' });
      await expect
        .poll(async () => {
          const sql = 'SELECT pg_last_wal_replay_lsn() < $1::pg_lsn AS late';
          return (await standby.query(sql, [after.position]))[0]?.['late'];
        })
        .toBe(true);
      await expect
        .poll(() =>
          reader.sourceEvents
            .map((event) => (event.type === 'source-disconnected' ? event.error.message : ''))
            .join(),
        )
        .toContain('has replayed');
      await expect(openReader(source, { after })).rejects.toMatchObject({
        code: 'SOURCE_UNREACHABLE',
        retryable: true,
      });
      await standby.query('ALTER SYSTEM SET recovery_min_apply_delay = 0');
      await standby.query('SELECT pg_reload_conf()');
      await it.db.query('INSERT INTO t VALUES (2)');
      await expect.poll(() => reader.rows.map(({ key }) => key['id'])).toEqual([1, 2]);
      expect(reader.failure).toBeNull();
    }
    await source.teardown({ state: true });
  });

  test('I8, R-26: a promoted standby that has the position goes on in a new epoch; one that lacks it is refused', async ({
    skip,
  }) => {
    skip(major < 16, 'a slot can be made on a standby from PostgreSQL 16 on');
    await using primary = await startPostgres({ major });
    await using it = await captured(TABLE, { tables: ['t'] }, primary);
    await using standby = await startPostgres({ standbyOf: primary });
    const url = standby.urlOf(it.db.database);
    const onStandby = await standby.client({ database: it.db.database });
    const slot = onStandby.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [
      it.db.database,
    ]);
    const snapshots = setInterval(() => {
      it.db.query('SELECT pg_log_standby_snapshot()').catch(() => undefined);
    }, 50);
    await slot.finally(() => clearInterval(snapshots));

    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    const contained = await (await reader.caughtUp()).acknowledge();
    // Delivered perhaps, and not acknowledged: it comes again from the new server.
    await it.db.query('INSERT INTO t VALUES (10)');
    const replayed = (await reader.caughtUp()).checkpoint().position;
    await expect
      .poll(async () => {
        const sql = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there';
        return (await standby.query(sql, [replayed]))[0]?.['there'];
      })
      .toBe(true);
    await standby.query("ALTER SYSTEM SET primary_conninfo = ''");
    await standby.query('SELECT pg_reload_conf()');
    await expect.poll(() => standby.query('SELECT 1 FROM pg_stat_wal_receiver')).toEqual([]);
    await it.db.query('INSERT INTO t VALUES (2)');
    const beyond = await (await reader.caughtUp()).acknowledge();
    const [, unacknowledged, lost] = reader.rows;
    await reader[Symbol.asyncDispose]();
    await standby.promote();
    await onStandby.query('INSERT INTO t VALUES (3)');
    // So that the position beyond the switch exists in the new history as well, with other content.
    await onStandby.query('SELECT pg_switch_wal()');

    const source = sourceOf({ database: it.db.database, url }, { tables: ['t'] });
    await expect(openReader(source, { after: beyond })).rejects.toMatchObject({
      code: 'GAP_TIMELINE',
    });
    await using second = await openReader(source, { after: contained });
    await second.caughtUp();
    expect(second.told).toEqual(['insert t {"id":10,"v":null}', 'insert t {"id":3,"v":null}']);
    expect(second.rows[0]).toMatchObject({
      id: unacknowledged?.id,
      version: unacknowledged?.version,
    });
    expect(second.checkpoint()).toMatchObject({ epoch: 2, identity: { timeline: 2 } });
    expect((second.rows[1]?.version ?? '') > (lost?.version ?? '')).toBe(true);
  });
});
