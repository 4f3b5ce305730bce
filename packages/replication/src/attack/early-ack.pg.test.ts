import type { GapError } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

test('I1: behind a gap that is accepted the slot stays where it was until the record of the hole is saved', async () => {
  await using it = await captured(
    ['CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL UNIQUE)'],
    { tables: ['t'] },
  );
  let after;
  {
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1, 101)');
    await reader.caughtUp();
    after = await reader.acknowledge();
  }
  const slot = async (): Promise<unknown> =>
    (
      await it.db.query(
        'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
        [it.db.database],
      )
    )[0];
  await expect.poll(slot).toBeDefined();
  // A DELETE among the changes shows another key: it only shows in the stream.
  await it.db.query('ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_key');
  await it.db.query('DELETE FROM t WHERE id = 1');
  await it.db.query('ALTER TABLE t REPLICA IDENTITY DEFAULT');
  const failed = await openReader(it.source, { after });
  const gap = (await failed.ended()) as GapError;
  await failed[Symbol.asyncDispose]();
  expect(gap.code).toBe('GAP_IDENTITY');
  await expect.poll(slot).toBeDefined();
  const before = await slot();
  const recover = { gap: gap.fingerprint ?? '', by: 'accept' } as const;
  const source = sourceOf(it.db, { tables: ['t'], recover });
  const told: string[] = [];
  for (let life = 0; life < 2; life += 1) {
    await using reader = await openReader(source, { after });
    await expect.poll(() => reader.events.length).toBeGreaterThan(0);
    const [event] = reader.events;
    told.push(`${event?.id} ${event?.operation === 'gap' ? `${event.code} ${event.to}` : ''}`);
    // Nothing is saved.
  }
  await expect.poll(slot).toBeDefined();
  expect.soft(told[1]).toBe(told[0]);
  expect(await slot()).toEqual(before);
});
