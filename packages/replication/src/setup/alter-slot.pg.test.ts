import type { Checkpoint } from '@certyo-cdc/core';
import { openReader, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import type { ReplicationSourceOptions } from '../options.ts';
import type { ReplicationSource } from '../replication-source.ts';
import { type Captured, captured, sourceOf } from '../testing/captured.ts';

const major = inject('postgresMajor');
const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)'];

function source(it: Captured, options: Partial<ReplicationSourceOptions> = {}): ReplicationSource {
  const { connection: _connection, ...more } = options;
  return sourceOf(it.db, { tables: ['t'], ...more });
}

async function slotOf(it: Captured): Promise<unknown> {
  const sql = `SELECT to_json(s) AS slot FROM pg_replication_slots s WHERE slot_name = $1`;
  return (await it.db.query<{ slot: unknown }>(sql, [it.db.database]))[0]?.slot;
}

const isFree = `SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active`;

describe('a failover slot that is asked for later', () => {
  test('R-14: setup() alters the slot, and back; what was committed in between is delivered', async ({
    skip,
  }) => {
    skip(major < 17, 'failover slots came with PostgreSQL 17');
    await using it = await captured(TABLE, { tables: ['t'] });
    await source(it).setup();
    let after: Checkpoint;
    {
      await using reader = await openReader(it.source);
      await it.db.query('INSERT INTO t VALUES (1)');
      await reader.caughtUp();
      after = await reader.acknowledge();
      // The statement would wait for the reader without an end.
      await expect(source(it, { failover: true }).setup()).rejects.toThrow(
        /in use by the server process \d+/,
      );
    }
    await expect.poll(() => it.db.query(isFree, [it.db.database])).toEqual([]);
    await it.db.query('INSERT INTO t VALUES (2)');
    const statement = `ALTER_REPLICATION_SLOT "${it.db.database}" ( FAILOVER true );`;
    const wanted = source(it, { failover: true });
    const printed = await wanted.setup({ dryRun: true });
    expect(printed.join('\n')).toContain(statement);
    expect(printed.join('\n')).toContain('replication=database');
    expect(await slotOf(it)).toMatchObject({ failover: false });
    expect(await wanted.setup()).toEqual(printed);
    expect(await slotOf(it)).toMatchObject({ failover: true });
    expect(await wanted.setup()).toEqual([]);
    // Who says nothing of it changes nothing of it.
    expect(await source(it).setup()).toEqual([]);
    {
      await using reader = await openReader(wanted, { after });
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert t {"id":2}']);
    }
    await expect.poll(() => it.db.query(isFree, [it.db.database])).toEqual([]);
    expect((await source(it, { failover: false }).setup()).join('\n')).toContain('FAILOVER false');
    expect(await slotOf(it)).toMatchObject({ failover: false });
  });

  test('R-14: a slot that is not altered yet is warned of while it is read', async ({ skip }) => {
    skip(major < 17, 'failover slots came with PostgreSQL 17');
    await using it = await captured(TABLE, { tables: ['t'] });
    const wanted = source(it, { failover: true, care: { everyMs: 50 } });
    await using reader = await openReader(wanted);
    await expect
      .poll(() => reader.sourceEvents)
      .toContainEqual(expect.objectContaining({ code: 'FAILOVER_NOT_SET' }));
  });

  test('a role without REPLICATION is told what it lacks', async ({ skip }) => {
    skip(major < 17, 'failover slots came with PostgreSQL 17');
    await using it = await captured(TABLE, { tables: ['t'] });
    await source(it).setup();
    const role = `${it.db.database}_owner`;
    await it.db.query(`CREATE ROLE ${role} LOGIN`);
    try {
      await it.db.query(`GRANT ALL ON DATABASE ${it.db.database} TO ${role}`);
      await it.db.query(`GRANT USAGE ON SCHEMA certyo TO ${role}`);
      const connection = it.db.url.replace(/\/\/[^@]*@/, `//${role}@`);
      const asOwner = sourceOf(it.db, { tables: ['t'], failover: true, connection });
      await expect(asOwner.setup()).rejects.toMatchObject({
        code: 'SOURCE_SETUP',
        message: expect.stringContaining(`ALTER ROLE "${role}" REPLICATION`) as string,
      });
    } finally {
      await it.db.query(`DROP OWNED BY ${role}`);
      await it.db.query(`DROP ROLE ${role}`);
    }
  });
});

describe('twoPhase that is asked for later', () => {
  const settings = { max_prepared_transactions: 10 };

  async function prepare(it: Captured, id: number): Promise<void> {
    await it.db.query(`BEGIN; INSERT INTO t VALUES (${id}); PREPARE TRANSACTION 'p${id}'`);
  }

  const commit = (it: Captured, id: number) => it.db.query(`COMMIT PREPARED 'p${id}'`);

  test('is refused before PostgreSQL 15, with what to do', async ({ skip }) => {
    skip(major >= 15, 'the option is there');
    await using it = await captured(TABLE, { tables: ['t'] });
    const wanted = source(it, { twoPhase: true });
    await expect(wanted.setup()).rejects.toThrow('twoPhase needs PostgreSQL 15');
    await expect(openReader(wanted)).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
  });

  test('begins where reading goes on: nothing that was prepared before, meanwhile or after is lost', async ({
    skip,
  }) => {
    skip(major < 15, 'two-phase decoding came with PostgreSQL 15');
    await using server = await startPostgres({ major, settings });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    const wanted = source(it, { twoPhase: true });
    let after: Checkpoint;
    {
      await using reader = await openReader(it.source);
      await prepare(it, 1);
      await it.db.query('INSERT INTO t VALUES (2)');
      await reader.caughtUp();
      after = await reader.acknowledge();
      expect(reader.told).toEqual(['insert t {"id":2}']);
    }
    // Prepared before the option, and before the position; and behind it.
    await prepare(it, 3);
    await it.db.query('INSERT INTO t VALUES (4)');
    expect(await wanted.setup({ dryRun: true })).not.toContainEqual(
      expect.stringContaining('SLOT'),
    );
    {
      await using reader = await openReader(wanted, { after });
      await prepare(it, 5);
      await it.db.query('INSERT INTO t VALUES (6)');
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert t {"id":4}', 'insert t {"id":6}']);
      after = await reader.acknowledge();
    }
    expect(await slotOf(it)).toMatchObject({ two_phase: true });
    await commit(it, 1);
    await server.restart();
    await using reader = await openReader(wanted, { after });
    await commit(it, 3);
    await commit(it, 5);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}', 'insert t {"id":3}', 'insert t {"id":5}']);
  });

  test('given up again: by setup() from PostgreSQL 18 on, before by an error with the remedy', async ({
    skip,
  }) => {
    skip(major < 15, 'two-phase decoding came with PostgreSQL 15');
    await using server = await startPostgres({ major, settings });
    const twoPhase = { tables: ['t'], twoPhase: true };
    await using it = await captured(TABLE, twoPhase, server);
    let after: Checkpoint;
    {
      await using reader = await openReader(it.source);
      await prepare(it, 1);
      await it.db.query('INSERT INTO t VALUES (2)');
      await reader.caughtUp();
      after = await reader.acknowledge();
    }
    await expect.poll(() => it.db.query(isFree, [it.db.database])).toEqual([]);
    const without = source(it);
    await expect(openReader(without, { after })).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
    if (major < 18) {
      await expect(without.setup()).rejects.toThrow(/twoPhase: true/);
      await using reader = await openReader(it.source, { after });
      await commit(it, 1);
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert t {"id":1}']);
      return;
    }
    expect((await without.setup()).join('\n')).toContain('TWO_PHASE false');
    await prepare(it, 3);
    await using reader = await openReader(without, { after });
    await commit(it, 1);
    await commit(it, 3);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}', 'insert t {"id":3}']);
  });

  test('a slot that was altered by hand, which forgets what was prepared before, is not read', async ({
    skip,
  }) => {
    skip(major < 18, 'the statement came with PostgreSQL 18');
    await using server = await startPostgres({ major, settings });
    await using it = await captured(TABLE, { tables: ['t'] }, server);
    const wanted = source(it, { twoPhase: true });
    await wanted.setup();
    let after: Checkpoint;
    {
      await using reader = await openReader(it.source);
      await prepare(it, 1);
      await it.db.query('INSERT INTO t VALUES (2)');
      await reader.caughtUp();
      after = await reader.acknowledge();
    }
    const replication = await it.db.client({
      connectionString: `${it.db.url}?replication=database`,
    });
    await replication.query(`ALTER_REPLICATION_SLOT "${it.db.database}" ( TWO_PHASE true )`);
    await expect(openReader(wanted, { after })).rejects.toMatchObject({
      code: 'SOURCE_SETUP',
      message: expect.stringContaining('TWO_PHASE false') as string,
    });
    await wanted.setup();
    await using reader = await openReader(wanted, { after });
    await commit(it, 1);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}']);
  });
});
