import { type SourceEvent } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';
import { proxied } from './testing/proxied.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];

/** Ends the connections of the source, all or those of one name. */
const KILL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE $1 AND pid <> pg_backend_pid()`;

describe('reading', () => {
  test('N-01: what is written while connections are killed comes once, in order', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    for (let id = 1; id <= 60; id += 1) {
      await it.db.query('INSERT INTO t VALUES ($1)', [id]);
      if (id % 6 === 0) await it.db.query(KILL, ['certyo-cdc%']);
      if (id % 20 === 0 && reader.end !== null) await reader.acknowledge();
    }
    await expect.poll(() => reader.events.length).toBe(60);
    expect(reader.rows.map((row) => row.key['id'])).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    const types = (): readonly string[] => reader.sourceEvents.map((event) => event.type);
    // A connection that is killed between two statements is made again without a word.
    await expect
      .poll(async () => {
        await it.db.query(KILL, ['certyo-cdc%']);
        return types();
      })
      .toContain('source-reconnected');
    expect(types()[0]).toBe('source-connected');
    expect(types()).toContain('source-disconnected');
    expect(reader.failure).toBeNull();
  });

  test('N-08: a half-open connection is noticed and replaced', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using way = await proxied(it.db);
    const source = sourceOf(it.db, {
      tables: ['t'],
      connection: way.url,
      deadAfterMs: 500,
      sweepMs: 200,
    });
    await using reader = await openReader(source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    way.proxy.set({ blackhole: 'both' });
    await it.db.query('INSERT INTO t VALUES (2)');
    await expect
      .poll(() => reader.sourceEvents.map((event) => event.type))
      .toContain('source-disconnected');
    // What was held back stays lost: the old connections never come back.
    way.proxy.reset();
    await way.proxy.heal();
    await expect
      .poll(() => reader.told)
      .toEqual(['insert t {"id":1,"v":null}', 'insert t {"id":2,"v":null}']);
  });

  test('a server that is away for longer than the lease: goes on when nobody else has read', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using way = await proxied(it.db);
    const source = sourceOf(it.db, {
      tables: ['t'],
      connection: way.url,
      doorbell: false,
      leaseMs: 600,
    });
    await using reader = await openReader(source);
    await way.proxy.refuse();
    way.proxy.reset();
    await it.db.query('INSERT INTO t VALUES (1)');
    await expect
      .poll(() => it.db.query('SELECT FROM certyo.leases WHERE expires_at > clock_timestamp()'))
      .toEqual([]);
    await way.proxy.accept();
    await expect.poll(() => reader.told).toEqual(['insert t {"id":1,"v":null}']);
    expect(reader.failure).toBeNull();
  });

  test('a second instance waits, is refused after leaseWaitMs, and takes over as a standby', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const first = await openReader(it.source);
    await expect(
      openReader(sourceOf(it.db, { tables: ['t'], leaseWaitMs: 200 })),
    ).rejects.toMatchObject({ code: 'SOURCE_BUSY' });
    const sourceEvents: SourceEvent[] = [];
    const standby = openReader(sourceOf(it.db, { tables: ['t'], leaseWaitMs: false }), {
      sourceEvents,
    });
    await expect.poll(() => sourceEvents[0]).toMatchObject({ type: 'source-waiting' });
    await it.db.query('INSERT INTO t VALUES (1)');
    await first.caughtUp();
    await first[Symbol.asyncDispose]();
    await using second = await standby;
    await second.caughtUp();
    expect(second.events).toHaveLength(1);
  });

  test('O-05: a reader whose lease another one has taken hands nothing over any more', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    await it.db.query(
      `UPDATE certyo.leases SET holder = 'other', token = token + 1, expires_at = clock_timestamp() + interval '300 ms'`,
    );
    await it.db.query('INSERT INTO t VALUES (2)');
    await expect(reader.ended()).resolves.toMatchObject({ code: 'CHECKPOINT_FENCED' });
    expect(reader.events).toHaveLength(1);
    // Nor does it delete anything.
    await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    expect(await it.db.query('SELECT FROM certyo.change_log')).toHaveLength(2);
  });

  test('a doorbell wakes the reader long before the sweep', async () => {
    for (const doorbell of ['armed', 'always'] as const) {
      const options = { tables: ['t'], doorbell, sweepMs: 600_000 };
      await using it = await captured(TABLE, options);
      await using reader = await openReader(sourceOf(it.db, options));
      for (let id = 1; id <= 5; id += 1) {
        await it.db.query('INSERT INTO t VALUES ($1)', [id]);
        await expect.poll(() => reader.events.length).toBe(id);
      }
    }
  });

  test('a missed doorbell is made good by the sweep', async () => {
    const options = { tables: ['t'], sweepMs: 200 };
    await using it = await captured(TABLE, options);
    await it.db.query('ALTER TABLE t DISABLE TRIGGER "00_certyo_change_log_doorbell"');
    const sourceEvents: SourceEvent[] = [];
    await using reader = await openReader(sourceOf(it.db, options), { sourceEvents });
    expect(sourceEvents).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'CAPTURE_SETUP' }),
    );
    await it.db.query('INSERT INTO t VALUES (1)');
    await expect.poll(() => reader.events.length).toBe(1);
  });

  test('O-01: a transaction that stays open holds back what lies behind it, and only that', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    const late = await it.db.client();
    await it.db.query('INSERT INTO t VALUES (1)');
    await late.query('BEGIN; INSERT INTO t VALUES (2)');
    await it.db.query('INSERT INTO t VALUES (3)');
    await expect.poll(() => reader.events.length).toBe(1);
    await late.query('COMMIT');
    await expect.poll(() => reader.rows.map((row) => row.key['id'])).toEqual([1, 2, 3]);
  });

  test('I12: after the end no connection and no lease is left', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    const reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    await reader[Symbol.asyncDispose]();
    await expect
      .poll(() =>
        it.db.query(
          `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'certyo-cdc%'`,
        ),
      )
      .toEqual([]);
    expect(
      await it.db.query('SELECT FROM certyo.leases WHERE expires_at > clock_timestamp()'),
    ).toEqual([]);
  });
});
