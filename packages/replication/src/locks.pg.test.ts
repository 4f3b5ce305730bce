import { openReader, startPostgres } from '@certyo-cdc/testing';
import { describe, expect, inject, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured, sourceOf } from './testing/captured.ts';

const major = inject('postgresMajor');
/** From then on the server locks a table to say which of its columns are published. */
const LOOKS_LOCK = major >= 16;
const TABLE = ['CREATE TABLE t (id int PRIMARY KEY)', 'CREATE TABLE u (id int PRIMARY KEY)'];

describe(replicationSource, () => {
  test('a table that a transaction has locked: the start and setup() say who has it; what runs goes on', async () => {
    await using it = await captured(TABLE, { tables: ['t', 'u'], care: { everyMs: 50 } });
    const source = sourceOf(it.db, { tables: ['t', 'u'], deadAfterMs: 1_500 });
    const holder = await it.db.client();
    const [{ pid } = { pid: 0 }] = (await holder.query('SELECT pg_backend_pid() AS pid')).rows as {
      pid: number;
    }[];
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1)');
    await it.db.query('INSERT INTO u VALUES (1)');
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE t, u IN ACCESS EXCLUSIVE MODE');
    const locked = {
      code: 'SOURCE_BUSY',
      retryable: true,
      message: expect.stringContaining(`public.t by the server process ${pid}`) as string,
    };
    if (LOOKS_LOCK) {
      await expect(source.setup({ slotLockTimeoutMs: 200 })).rejects.toMatchObject(locked);
      await expect(openReader(source)).rejects.toMatchObject(locked);
    } else
      expect(await source.setup({ dryRun: true })).not.toContainEqual(
        expect.stringContaining('PUBLICATION'),
      );
    // Described for the first time while they are locked.
    await reader.caughtUp();
    await holder.query('ALTER TABLE u ADD COLUMN v text');
    await holder.query(`INSERT INTO u VALUES (2, 'x')`);
    await reader.stream.caughtUp({ signal: AbortSignal.timeout(60_000) });
    await holder.query('COMMIT');
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1}',
      'insert u {"id":1}',
      'schema u',
      'insert u {"id":2,"v":"x"}',
    ]);
    expect(reader.sourceEvents.map(({ type }) => type)).not.toContain('source-disconnected');
  });

  test('a table that a prepared transaction has locked: the error names it; what runs goes on', async () => {
    await using server = await startPostgres({
      major,
      settings: { max_prepared_transactions: 5 },
    });
    const twoPhase = major >= 15;
    await using it = await captured(TABLE, { tables: ['t'], twoPhase }, server);
    await using reader = await openReader(it.source);
    await it.db.query(
      `BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p'`,
    );
    const source = sourceOf(it.db, { tables: ['t'], twoPhase, deadAfterMs: 1_500 });
    const locked = {
      code: 'SOURCE_BUSY',
      message: expect.stringContaining(`COMMIT PREPARED 'p'`) as string,
    };
    if (LOOKS_LOCK) {
      await expect(source.setup({ slotLockTimeoutMs: 200 })).rejects.toMatchObject(locked);
      await expect(openReader(source)).rejects.toMatchObject(locked);
    } else
      expect(await source.setup({ dryRun: true })).not.toContainEqual(
        expect.stringContaining('PUBLICATION'),
      );
    await it.db.query('INSERT INTO u VALUES (1)');
    await reader.stream.caughtUp({ signal: AbortSignal.timeout(60_000) });
    await it.db.query(`COMMIT PREPARED 'p'`);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}']);
  });

  test('an empty prepared transaction is no event and pins nothing', async ({ skip }) => {
    skip(major < 15, 'twoPhase came with PostgreSQL 15');
    await using server = await startPostgres({
      major,
      settings: { max_prepared_transactions: 5 },
    });
    const options = { tables: ['t'], twoPhase: true };
    await using it = await captured(TABLE, options, server);
    await using reader = await openReader(it.source);
    await it.db.query(`BEGIN; INSERT INTO u VALUES (1); PREPARE TRANSACTION 'unpublished'`);
    await it.db.query(`BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'nothing'`);
    await it.db.query('INSERT INTO t VALUES (1)');
    await reader.caughtUp();
    await it.db.query(`COMMIT PREPARED 'unpublished'`);
    await it.db.query(`ROLLBACK PREPARED 'nothing'`);
    await it.db.query(`BEGIN; INSERT INTO u VALUES (2); PREPARE TRANSACTION 'again'`);
    await it.db.query(`ROLLBACK PREPARED 'again'`);
    await it.db.query('INSERT INTO t VALUES (2)');
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":1}', 'insert t {"id":2}']);
    const checkpoint = await reader.acknowledge();
    expect(checkpoint.state).not.toHaveProperty('readFrom');
  });
});
