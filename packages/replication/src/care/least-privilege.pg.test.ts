import { createPipeline, GapError, type SourceEvent } from '@certyo-cdc/core';
import { memorySink, openReader } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, inject, test } from 'vitest';
import type { ReplicationSourceOptions } from '../options.ts';
import { sourceOf } from '../testing/captured.ts';

const major = inject('postgresMajor');
const GRANTS = `
  GRANT USAGE ON SCHEMA certyo TO $role;
  GRANT SELECT, INSERT, UPDATE ON certyo.checkpoints TO $role;
  GRANT SELECT, INSERT, DELETE ON certyo.dead_letters TO $role;
  GRANT SELECT, INSERT, UPDATE ON certyo.backfills TO $role;
  GRANT SELECT, INSERT, UPDATE ON certyo.leases TO $role;
  GRANT SELECT, INSERT, DELETE ON certyo.slot_instances TO $role;
  GRANT SELECT, INSERT, UPDATE ON certyo.heartbeats TO $role`;

function codesOf(events: readonly SourceEvent[]): readonly string[] {
  return events
    .flatMap((event) => (event.type === 'source-warned' ? [event.code] : []))
    .filter((code) => code !== 'SERVER_DEFECTS');
}

describe('the role of the README, without one right more', () => {
  test('looks after its slot, beats, takes turns, and goes on behind a gap', async () => {
    await using db = await testDatabase();
    const role = `${db.database}_capture`;
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const options: Omit<ReplicationSourceOptions, 'connection'> = {
      tables: ['t'],
      takeover: true,
      heartbeat: { everyMs: 30 },
      care: { everyMs: 30, warnRetainedBytes: 1, warnUnacknowledgedMs: 1 },
      ...(major >= 17 ? { failover: true } : {}),
    };
    await sourceOf(db, { ...options }).setup();
    await db.query(`CREATE ROLE ${role} LOGIN REPLICATION`);
    for (const grant of GRANTS.split(';')) await db.query(grant.replaceAll('$role', role));
    const connection = db.url.replace(/\/\/[^@]*@/, `//${role}@`);
    const asRole = { ...options, connection };
    try {
      {
        await using reader = await openReader(sourceOf(db, asRole));
        await db.query('INSERT INTO t VALUES (0)');
        await reader.caughtUp();
        await expect
          .poll(() => codesOf(reader.sourceEvents))
          .toEqual(
            expect.arrayContaining([
              'SLOT_RETAINED',
              'SLOT_UNACKNOWLEDGED',
              ...(major >= 17 ? ['FAILOVER_UNPROTECTED'] : []),
            ]),
          );
        // With the numbers and the SQL in them.
        const texts = reader.sourceEvents.map((event) => ('message' in event ? event.message : ''));
        expect(texts.join('\n')).toMatch(/keeps [\d.]+ (bytes|KiB|MiB) of its log for the slot/);
        expect(texts.join('\n')).toMatch(/was committed \d+ s ago/);
        const health = reader.stream.slotHealth?.();
        expect(health).toMatchObject({ isActive: true, walStatus: 'reserved', invalidation: null });
        await expect.poll(() => reader.stream.slotHealth?.()?.walBytesPerSecond).toBeGreaterThan(0);
        expect(codesOf(reader.sourceEvents)).not.toContain('HEARTBEAT_FAILED');
        expect(reader.told).toEqual(['insert t {"id":0}']);
        expect((await reader.stream.lag()).bytes).toBeGreaterThan(0);
        await reader.acknowledge();
      }
      const sink = memorySink();
      const pipeline = (more: Partial<ReplicationSourceOptions> = {}) =>
        createPipeline(sourceOf(db, { ...asRole, ...more, connection }), sink, { name: 'p' });
      const first = pipeline();
      await first.start();
      await db.query('INSERT INTO t VALUES (1)');
      await first.caughtUp();
      await first.drain();
      await expect
        .poll(() =>
          db.query('SELECT pg_drop_replication_slot($1)', [db.database]).then(
            () => 'dropped',
            (error: Error) => error.message,
          ),
        )
        .toBe('dropped');
      const stopped = pipeline();
      await stopped.start().catch(() => undefined);
      const gap = await stopped.closed;
      expect(gap).toMatchObject({ code: 'GAP_SLOT_MISSING' });
      const fingerprint = gap instanceof GapError ? (gap.fingerprint ?? '') : '';
      await using again = pipeline({ recover: { gap: fingerprint, by: 'accept' } });
      await again.start();
      await db.query('INSERT INTO t VALUES (2)');
      await again.caughtUp();
      expect(sink.effects.map(({ operation }) => operation).slice(-2)).toEqual(['gap', 'insert']);
    } finally {
      await db.query(`DROP OWNED BY ${role}`);
      await db.query(`DROP ROLE ${role}`);
    }
  });
});
