import type { Checkpoint } from '@certyo-cdc/core';
import { GapError } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { type Captured, captured, sourceOf } from './testing/captured.ts';

const TABLES = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'];

const ROW_TRIGGER = '"00_certyo_change_log"';

/** Sets up, captures row 1 and gives the checkpoint behind it. */
async function withCheckpoint(): Promise<Captured & { readonly after: Checkpoint }> {
  const it = await captured(TABLES, { tables: ['t'] });
  await using reader = await openReader(it.source);
  await it.db.query('INSERT INTO t VALUES (1)');
  await reader.caughtUp();
  return { ...it, after: await reader.acknowledge() };
}

/** The start is refused with this code and a remedy, and nothing is delivered. */
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

describe('a gap at the start', () => {
  test('GAP_LOG: the log was dropped', async () => {
    await using it = await withCheckpoint();
    await it.db.query('DROP TABLE certyo.change_log, certyo.change_log_state CASCADE');
    await expectGap(it, it.after, 'GAP_LOG', 'gone');
  });

  test('GAP_LOG: the log was dropped and made again', async () => {
    await using it = await withCheckpoint();
    await it.source.teardown();
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.source.setup();
    await expectGap(it, it.after, 'GAP_LOG', 'made again');
  });

  test('GAP_LOG: the log was truncated', async () => {
    await using it = await withCheckpoint();
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.db.query('TRUNCATE certyo.change_log');
    await it.db.query('INSERT INTO t VALUES (3)');
    await expectGap(it, it.after, 'GAP_LOG', 'made again');
  });

  test('a log that is truncated while it is empty has lost nothing', async () => {
    await using it = await withCheckpoint();
    await expect.poll(() => it.db.query('SELECT FROM certyo.change_log')).toEqual([]);
    await it.db.query('TRUNCATE certyo.change_log');
    await it.db.query('INSERT INTO t VALUES (2)');
    await using reader = await openReader(it.source, { after: it.after });
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":2}']);
  });

  test('GAP_LOG: somebody else has pruned beyond the checkpoint', async () => {
    await using it = await withCheckpoint();
    await it.db.query('INSERT INTO t VALUES (2)');
    {
      await using other = await openReader(it.source, { after: it.after });
      await other.caughtUp();
      await other.acknowledge();
    }
    await expectGap(it, it.after, 'GAP_LOG', 'another pipeline reads the same log');
  });

  test('GAP_POSITION_AHEAD: the log ends before the checkpoint', async () => {
    await using it = await withCheckpoint();
    const position = String(BigInt(it.after.position) + 1_000n) as Checkpoint['position'];
    await expectGap(it, { ...it.after, position }, 'GAP_POSITION_AHEAD', 'beyond the end');
  });

  test('GAP_TIMELINE: the server failed over, and does not prove that it has what was delivered', async () => {
    await using it = await withCheckpoint();
    await it.db.query('INSERT INTO t VALUES (2)');
    const state = { ...(it.after.state as object), timeline: '000000FF' };
    // What is pruned through the checkpoint proves that this server has it; the new timeline is a new epoch.
    await expect
      .poll(() => it.db.query('SELECT pruned_through::text AS at FROM certyo.change_log_state'))
      .toEqual([{ at: it.after.position }]);
    {
      await using reader = await openReader(it.source, { after: { ...it.after, state } });
      await reader.caughtUp();
      expect(reader.rows[0]?.version).toMatch(/^000002-/);
    }
    await it.db.query('UPDATE certyo.change_log_state SET pruned_through = pruned_through - 1');
    await expectGap(it, { ...it.after, state }, 'GAP_TIMELINE', 'timeline 00000001');
  });

  test.each([
    ['disabled', `ALTER TABLE t DISABLE TRIGGER ${ROW_TRIGGER}`],
    ['enabled for the origin only', `ALTER TABLE t ENABLE TRIGGER ${ROW_TRIGGER}`],
    ['dropped', `DROP TRIGGER ${ROW_TRIGGER} ON t`],
    [
      'disabled for a moment',
      `ALTER TABLE t DISABLE TRIGGER ${ROW_TRIGGER}; ALTER TABLE t ENABLE ALWAYS TRIGGER ${ROW_TRIGGER}`,
    ],
  ])('GAP_TRIGGER: the trigger was %s', async (_name, sql) => {
    await using it = await withCheckpoint();
    await it.db.query(sql);
    await expectGap(it, it.after, 'GAP_TRIGGER', '00_certyo_change_log');
  });

  test('GAP_TRIGGER: the trigger was dropped and made again', async () => {
    await using it = await withCheckpoint();
    await it.db.query(`DROP TRIGGER ${ROW_TRIGGER} ON t`);
    await it.db.query('INSERT INTO t VALUES (2)');
    await it.source.setup();
    await expectGap(it, it.after, 'GAP_TRIGGER', 'made again');
  });

  test('GAP_TRIGGER: the table was dropped and made again', async () => {
    await using it = await withCheckpoint();
    await it.db.query('DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)');
    await it.source.setup();
    await expectGap(it, it.after, 'GAP_TRIGGER', 'not the one that was captured');
  });

  test.each([
    ['systemIdentifier', '1', 'systemIdentifier'],
    ['database', 'other', 'database'],
    ['log', 'certyo.other', 'log'],
    ['tables', ['public.other'], 'acceptTables'],
  ])('I8: a checkpoint with another %s is refused', async (member, value, message) => {
    await using it = await withCheckpoint();
    const after = { ...it.after, identity: { ...it.after.identity, [member]: value } };
    const opened = openReader(it.source, { after });
    await expect(opened).rejects.toMatchObject({ code: 'GAP_CHECKPOINT_FOREIGN' });
    const error = await opened.catch((reason: GapError) => reason);
    expect(`${(error as GapError).message} ${(error as GapError).remedy}`).toContain(message);
  });

  test('acceptTables goes on with another list of tables', async () => {
    await using it = await withCheckpoint();
    const options = { tables: ['t', 'u'], acceptTables: true };
    await sourceOf(it.db, options).setup();
    await using reader = await openReader(sourceOf(it.db, options), { after: it.after });
    await it.db.query('INSERT INTO u VALUES (1)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert u {"id":1}']);
  });
});

describe('a gap while running', () => {
  test.each([
    ['GAP_LOG', 'without state', 'DELETE FROM certyo.change_log_state'],
    [
      'GAP_LOG',
      'truncated with rows in it',
      'BEGIN; INSERT INTO t VALUES (2); TRUNCATE certyo.change_log; COMMIT',
    ],
    ['GAP_LOG', 'dropped', 'DROP TABLE certyo.change_log CASCADE'],
    [
      'GAP_LOG',
      'pruned by somebody else',
      'UPDATE certyo.change_log_state SET pruned_through = pruned_through + 1000',
    ],
    ['GAP_TRIGGER', 'disabled', `ALTER TABLE t DISABLE TRIGGER ${ROW_TRIGGER}`],
    ['GAP_TRIGGER', 'dropped', `DROP TRIGGER ${ROW_TRIGGER} ON t`],
    ['GAP_TRIGGER', 'with its table', 'DROP TABLE t'],
  ] as const)('%s: %s', async (code, _name, sql) => {
    await using it = await captured(TABLES, { tables: ['t'], sweepMs: 100 });
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    await it.db.query(sql);
    await expect(reader.ended()).resolves.toMatchObject({ code });
    await expect(
      reader.stream.caughtUp({ signal: AbortSignal.timeout(60_000) }),
    ).rejects.toMatchObject({ code });
  });
});

describe('the start', () => {
  test('nothing has been set up', async () => {
    await using it = await captured(TABLES, { tables: ['t'] });
    await expect(
      openReader(sourceOf(it.db, { tables: ['t'], log: 'other' })),
    ).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      remedy: expect.stringContaining('source.setup()') as string,
    });
    await expect(openReader(sourceOf(it.db, { tables: ['t', 'u'] }))).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringContaining('public.u') as string,
    });
  });

  test('a table without a key', async () => {
    await using it = await captured(['CREATE TABLE t (id int)'], {
      tables: ['t'],
      keys: { t: ['id'] },
    });
    await it.db.query('INSERT INTO t VALUES (1)');
    await using reader = await openReader(sourceOf(it.db, { tables: ['t'] }));
    await expect(reader.ended()).resolves.toMatchObject({ code: 'SOURCE_SETUP' });
  });
});
