import type { GapError } from '@certyo-cdc/core';
import { openReader, startPostgres } from '@certyo-cdc/testing';
import { expect, inject, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

const major = inject('postgresMajor');

test('GAP_SLOT_AHEAD with twoPhase, between PREPARE and the checkpoint: accept does not give what was delivered another version', async ({
  skip,
}) => {
  skip(major < 15, 'twoPhase came with PostgreSQL 15');
  await using server = await startPostgres({ major, settings: { max_prepared_transactions: 5 } });
  const options = { tables: ['t'], twoPhase: true };
  await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options, server);
  const seen = new Map<string, string>();
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
    for (const event of reader.rows) seen.set(event.id, event.version);
  }
  expect(seen.size).toBe(1);
  const active = 'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active';
  await expect.poll(() => it.db.query(active, [it.db.database])).toEqual([]);
  await it.db.query(`SELECT pg_replication_slot_advance($1, '${between}')`, [it.db.database]);
  const gap = (await openReader(it.source, { after }).catch((error: unknown) => error)) as GapError;
  expect(gap.code).toBe('GAP_SLOT_AHEAD');
  const recover = { gap: gap.fingerprint ?? '', by: 'accept' } as const;
  await using reader = await openReader(sourceOf(it.db, { ...options, recover }), { after });
  await it.db.query('INSERT INTO t VALUES (3)');
  await reader.caughtUp();
  const again = reader.rows.filter(({ id }) => seen.has(id));
  expect(again.map(({ id, version }) => [version, seen.get(id)])).toEqual([]);
}, 60_000);
