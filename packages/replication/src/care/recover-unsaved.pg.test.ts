import { type Checkpoint, GapError } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, sourceOf } from '../testing/captured.ts';

const OPTIONS = { tables: ['t'] };
const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL UNIQUE)'];

/** Where the slot stands once nobody reads from it. */
async function standing({ db }: Captured): Promise<unknown> {
  const look = async (): Promise<unknown> =>
    (
      await db.query(
        'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
        [db.database],
      )
    )[0];
  await expect.poll(look).toBeDefined();
  return look();
}

/** The checkpoint behind row 1. */
async function delivered(it: Captured): Promise<Checkpoint> {
  await using reader = await openReader(it.source);
  await it.db.query('INSERT INTO t VALUES (1, 101)');
  await reader.caughtUp();
  return await reader.acknowledge();
}

async function gapOf(it: Captured, after: Checkpoint): Promise<GapError> {
  const error = await openReader(it.source, { after }).then(
    async (reader) => {
      const ended = await reader.ended();
      await reader[Symbol.asyncDispose]();
      return ended;
    },
    (reason: unknown) => reason,
  );
  if (error instanceof GapError) return error;
  throw new Error('There was no gap.', { cause: error });
}

/** The record of the hole as a start behind the gap gives it. Nothing is saved. */
async function record(it: Captured, after: Checkpoint, { fingerprint }: GapError): Promise<string> {
  const recover = { gap: fingerprint ?? '', by: 'accept' } as const;
  await using reader = await openReader(sourceOf(it.db, { ...OPTIONS, recover }), { after });
  await expect.poll(() => reader.events.length).toBeGreaterThan(0);
  return JSON.stringify(reader.events[0]);
}

describe('recover, until the record of the hole is saved', () => {
  test('I1: the slot stays where it was', async () => {
    await using it = await captured(TABLE, OPTIONS);
    const after = await delivered(it);
    await standing(it);
    // A DELETE among the changes shows another key: it only shows in the stream.
    await it.db.query('ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_key');
    await it.db.query('DELETE FROM t WHERE id = 1');
    await it.db.query('ALTER TABLE t REPLICA IDENTITY DEFAULT');
    const gap = await gapOf(it, after);
    expect(gap.code).toBe('GAP_IDENTITY');
    const before = await standing(it);
    for (let life = 0; life < 2; life += 1) {
      expect(await record(it, after, gap)).toContain('"code":"GAP_IN_STREAM"');
      expect(await standing(it)).toEqual(before);
    }
  });

  test('I4: every start tells the same, though the slot was gone only at the first', async () => {
    await using it = await captured(TABLE, OPTIONS);
    const after = await delivered(it);
    await standing(it);
    await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
    const gap = await gapOf(it, after);
    expect(gap.code).toBe('GAP_SLOT_MISSING');
    const first = await record(it, after, gap);
    await standing(it);
    expect(await record(it, after, gap)).toBe(first);
  });
});
