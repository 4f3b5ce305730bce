import { type Checkpoint, GapError } from '@certyo-cdc/core';
import { openReader, startPostgres, type TestDatabase } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)'];
const OPTIONS = { tables: ['t'] };
const major = inject('postgresMajor');

async function gapOf(
  db: Pick<TestDatabase, 'database' | 'url'>,
  after: Checkpoint,
): Promise<GapError> {
  const error = await openReader(sourceOf(db, OPTIONS), { after }).catch(
    (reason: unknown) => reason,
  );
  if (error instanceof GapError) return error;
  throw new Error('There was no gap.', { cause: error });
}

describe('recover behind a promotion', () => {
  test('I4, I8: behind an altered publication what comes again is what it was, and nothing of the new timeline is passed by', async ({
    skip,
  }) => {
    skip(major < 16, 'a slot can be made on a standby from PostgreSQL 16 on');
    await using primary = await startPostgres({ major });
    await using it = await captured(TABLE, OPTIONS, primary);
    await using standby = await startPostgres({ standbyOf: primary });
    const there = { database: it.db.database, url: standby.urlOf(it.db.database) };
    const onStandby = await standby.client({ database: it.db.database });
    const slot = onStandby.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [
      it.db.database,
    ]);
    const snapshots = setInterval(() => {
      it.db.query('SELECT pg_log_standby_snapshot()').catch(() => undefined);
    }, 50);
    await slot.finally(() => clearInterval(snapshots));

    const reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    const contained = await (await reader.caughtUp()).acknowledge();
    // Delivered perhaps, and not acknowledged.
    await it.db.query('INSERT INTO t VALUES (2)');
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
    // Lost with the old primary.
    await it.db.query('INSERT INTO t SELECT generate_series(1001, 5000)');
    const beyond = await (await reader.caughtUp()).acknowledge();
    const [, before] = reader.rows;
    await reader[Symbol.asyncDispose]();
    await standby.promote();
    await onStandby.query('INSERT INTO t VALUES (3)');
    await onStandby.query('SELECT pg_switch_wal()');
    await onStandby.query('ALTER PUBLICATION certyo_cdc DROP TABLE t');
    await onStandby.query('ALTER PUBLICATION certyo_cdc ADD TABLE t');

    for (const after of [contained, beyond]) {
      const gap = await gapOf(there, after);
      expect(gap.code).toBe('GAP_PUBLICATION');
      const recover = { gap: gap.fingerprint ?? '', by: 'accept' } as const;
      await using behind = await openReader(sourceOf(there, { ...OPTIONS, recover }), { after });
      await behind.caughtUp();
      expect(behind.rows.map(({ key }) => key['id'])).toContain(3);
      const again = behind.rows.find(({ key }) => key['id'] === 2);
      if (after === contained) {
        expect(again).toMatchObject({ id: before?.id, version: before?.version });
        expect(behind.events[0]?.operation).toBe('gap');
      }
      expect(behind.checkpoint()).toMatchObject({ epoch: 2, identity: { timeline: 2 } });
    }
  });
});
