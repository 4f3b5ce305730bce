import type { Checkpoint } from '@certyo-cdc/core';
import { GapError } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'];

/** Sets up, captures row 1 and gives the checkpoint behind it. */
async function withCheckpoint(): Promise<Captured & { readonly after: Checkpoint }> {
  const it = await captured(TABLE, { tables: ['t'] });
  await using reader = await openReader(it.source);
  await it.db.query('INSERT INTO t VALUES (1)');
  await reader.caughtUp();
  return { ...it, after: await reader.acknowledge() };
}

/** O7: the start is refused with this code and a remedy, and nothing is delivered. */
async function expectGap(
  it: Captured,
  after: Checkpoint,
  code: GapError['code'],
  message: string,
): Promise<void> {
  const opened = openReader(it.source, { after });
  await expect(opened).rejects.toBeInstanceOf(GapError);
  await expect(opened).rejects.toMatchObject({ code });
  await expect(opened).rejects.toThrow(message);
  await expect(opened.catch((error: GapError) => error.remedy)).resolves.toMatch(/\S/);
}

async function dropSlot(it: Captured): Promise<void> {
  await it.db.query('SELECT pg_drop_replication_slot($1)', [it.db.database]);
}

async function createSlot(it: Captured): Promise<void> {
  await it.db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [it.db.database]);
}

describe('a gap at the start', () => {
  test('R-14: the slot is missing', async () => {
    await using it = await withCheckpoint();
    await dropSlot(it);
    await expectGap(it, it.after, 'GAP_SLOT_MISSING', 'does not exist any more');
  });

  test('R-12: the slot was dropped and made again', async () => {
    await using it = await withCheckpoint();
    await dropSlot(it);
    await it.db.query('INSERT INTO t VALUES (2)');
    await createSlot(it);
    await expectGap(it, it.after, 'GAP_SLOT_AHEAD', 'beyond the checkpoint');
  });

  test('the slot was advanced behind our back', async () => {
    await using it = await withCheckpoint();
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_flush_lsn())', [
      it.db.database,
    ]);
    await expectGap(it, it.after, 'GAP_SLOT_AHEAD', 'beyond the checkpoint');
  });

  test.each([
    ['systemIdentifier', '1', 'systemIdentifier'],
    ['database', 'other', 'database'],
    ['slot', 'other', 'slot'],
    ['publications', ['other'], 'publications'],
    ['tables', ['public.other'], 'acceptTables'],
  ])('I8: a checkpoint with another %s is refused', async (member, value, message) => {
    await using it = await withCheckpoint();
    const after = { ...it.after, identity: { ...it.after.identity, [member]: value } };
    await expectGap(it, after, 'GAP_CHECKPOINT_FOREIGN', message);
  });

  test('I8: a checkpoint of another kind of source is refused', async () => {
    await using it = await withCheckpoint();
    await expectGap(it, { ...it.after, kind: 'polling' }, 'GAP_CHECKPOINT_FOREIGN', 'polling');
  });

  test('acceptTables goes on with another list of tables', async () => {
    await using it = await withCheckpoint();
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE u');
    const source = sourceOf(it.db, { tables: ['t', 'u'], acceptTables: true });
    await using reader = await openReader(source, { after: it.after });
    await it.db.query('INSERT INTO u VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert u {"id":1}']);
  });

  test('R-13: a checkpoint ahead of the server is refused', async () => {
    await using it = await withCheckpoint();
    const after = { ...it.after, position: 'FFFF/0' as Checkpoint['position'] };
    await expectGap(it, after, 'GAP_POSITION_AHEAD', 'beyond the end');
  });

  test('I8: a checkpoint of a timeline that the server does not know is refused', async () => {
    await using it = await withCheckpoint();
    const after = { ...it.after, identity: { ...it.after.identity, timeline: 7 } };
    await expectGap(it, after, 'GAP_TIMELINE', 'timeline 7');
  });

  test('R-16: the publication is gone', async () => {
    await using it = await withCheckpoint();
    await it.db.query('DROP PUBLICATION certyo_cdc');
    await expectGap(it, it.after, 'GAP_PUBLICATION', 'CREATE PUBLICATION "certyo_cdc"');
  });

  test('R-17: the table was taken out of the publication', async () => {
    await using it = await withCheckpoint();
    await it.db.query('ALTER PUBLICATION certyo_cdc SET TABLE u');
    await expectGap(it, it.after, 'GAP_PUBLICATION', 'ADD TABLE "public"."t"');
  });

  test.each([
    ['DROP PUBLICATION certyo_cdc', 'CREATE PUBLICATION certyo_cdc FOR TABLE t'],
    ['ALTER PUBLICATION certyo_cdc SET TABLE u', 'ALTER PUBLICATION certyo_cdc SET TABLE t'],
    [
      "ALTER PUBLICATION certyo_cdc SET (publish = 'delete')",
      "ALTER PUBLICATION certyo_cdc SET (publish = 'insert, update, delete, truncate')",
    ],
  ])('R-17: what was lost between `%s` and `%s` is noticed', async (away, back) => {
    await using it = await withCheckpoint();
    await it.db.query(away);
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query(back);
    await it.db.query('INSERT INTO t VALUES (3)');
    await expectGap(it, it.after, 'GAP_PUBLICATION', 'copy the tables again');
  });
});

describe('a gap while reading', () => {
  test.each([
    ['DROP PUBLICATION certyo_cdc'],
    ['ALTER PUBLICATION certyo_cdc SET TABLE u'],
    ['ALTER PUBLICATION certyo_cdc DROP TABLE t; ALTER PUBLICATION certyo_cdc ADD TABLE t'],
    ["ALTER PUBLICATION certyo_cdc SET (publish = 'insert')"],
  ])(
    'R-17: %s',
    async (statement) => {
      await using it = await captured(TABLE, { tables: ['t'] });
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1)');
      await reader.caughtUp();
      await it.db.query(statement);
      await it.db.query('INSERT INTO t VALUES (2)');
      await expect(reader.ended()).resolves.toMatchObject({ code: 'GAP_PUBLICATION' });
      expect(reader.failure).toBeInstanceOf(GapError);
      if (it.db.major >= 15) expect(reader.told).toEqual(['insert t {"id":1}']);
    },
    20_000,
  );

  test('other tables may come and go in the publication', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE u');
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query('ALTER PUBLICATION certyo_cdc DROP TABLE u');
    await it.db.query('INSERT INTO t VALUES (3)');
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual([1, 2, 3]);
  });

  test('R-23: a table that is made again and published at once goes on under its name', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query(`BEGIN;
      INSERT INTO t VALUES (2);
      DROP TABLE t;
      CREATE TABLE t (id text PRIMARY KEY);
      ALTER PUBLICATION certyo_cdc ADD TABLE t;
      INSERT INTO t VALUES ('x');
      COMMIT`);
    await it.db.query(`INSERT INTO t VALUES ('y')`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1}',
      'insert t {"id":2}',
      'schema t',
      'insert t {"id":"x"}',
      'insert t {"id":"y"}',
    ]);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(5);
    const after = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await it.db.query(`INSERT INTO t VALUES ('z')`);
    await using second = await openReader(it.source, { after });
    await second.caughtUp();
    expect(second.told).toEqual(['insert t {"id":"z"}']);
  });

  test('the slot was dropped after the connection was lost', async () => {
    await using it = await captured(TABLE, { tables: ['t'] });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await (await reader.caughtUp()).acknowledge();
    // Behind the next change it stands still, and does not connect again before it goes on.
    reader.pause();
    await it.db.query('INSERT INTO t VALUES (2)');
    await expect.poll(() => reader.events.length).toBe(2);
    await it.db.query(
      'SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $1',
      [it.db.database],
    );
    await dropSlot(it);
    await it.db.query('INSERT INTO t VALUES (3)');
    await createSlot(it);
    await it.db.query('INSERT INTO t VALUES (4)');
    reader.resume();
    await expect(reader.ended()).resolves.toMatchObject({ code: 'GAP_SLOT_AHEAD' });
    expect(reader.events).toHaveLength(2);
  });
});
