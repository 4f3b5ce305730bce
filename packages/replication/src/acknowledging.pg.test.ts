import { openReader, type TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';

const TABLES = ['CREATE TABLE t (id int PRIMARY KEY, v text)', 'CREATE TABLE unpublished (v text)'];

interface Reported {
  readonly confirmed: string;
  /** What the newest status update said. */
  readonly received: string;
  readonly flushed: string;
  readonly applied: string;
  readonly repliedAt: string;
}

async function reported(db: TestDatabase): Promise<Reported | undefined> {
  const [row] = await db.query<Reported & { readonly [name: string]: string }>(
    `SELECT s.confirmed_flush_lsn::text AS confirmed, r.write_lsn::text AS received, r.flush_lsn::text AS flushed,
            r.replay_lsn::text AS applied, r.reply_time::text AS "repliedAt"
       FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = $1`,
    [db.database],
  );
  return row;
}

async function isBefore(db: TestDatabase, left: string, right: string): Promise<boolean> {
  const [row] = await db.query<{ is: boolean }>('SELECT $1::pg_lsn < $2::pg_lsn AS is', [
    left,
    right,
  ]);
  return row?.is ?? false;
}

describe('acknowledging', () => {
  test('R-01, R-02, R-03: what is received and not acknowledged is never reported as safe, however many updates are sent', async () => {
    await using it = await captured(TABLES, { tables: ['t'], statusIntervalMs: 20 });
    const { db } = it;
    await using reader = await openReader(it.source);
    await db.query(`INSERT INTO t VALUES (1, 'a')`);
    await reader.caughtUp();
    const { position: safe } = await reader.acknowledge();
    await expect.poll(async () => (await reported(db))?.flushed).toBe(safe);

    await db.query(`INSERT INTO t VALUES (2, 'b')`);
    await reader.caughtUp();
    expect(reader.rows).toHaveLength(2);
    // Keepalives tell of much more log, which holds nothing of ours and lies behind what is in flight.
    await db.query(`INSERT INTO unpublished SELECT repeat('x', 900) FROM generate_series(1, 1000)`);
    const [end] = await db.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
    const updates = new Map<string, Reported>();
    await expect
      .poll(async () => {
        const one = await reported(db);
        if (one === undefined) return 0;
        const isBehind = await isBefore(db, one.received, end?.lsn ?? '');
        if (!isBehind) updates.set(one.repliedAt, one);
        return updates.size;
      })
      .toBeGreaterThan(5);
    for (const { applied, confirmed, flushed } of updates.values())
      expect([flushed, applied, confirmed]).toEqual([safe, safe, safe]);

    // Who ends without a word gets it again; who acknowledges moves the slot.
    const [, unsaved] = reader.rows;
    await reader[Symbol.asyncDispose]();
    await using again = await openReader(it.source);
    await again.caughtUp();
    expect(again.rows.map(({ id }) => id)).toEqual([unsaved?.id]);
    const { position } = await again.acknowledge();
    await expect.poll(async () => (await reported(db))?.confirmed).toBe(position);
  });
});
