import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReader, type PostgresServer, startPostgres } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured, LEAST_DECODING_MEMORY, sourceOf } from './testing/captured.ts';

const TABLE = ['CREATE TABLE t (id int PRIMARY KEY, v text)'];
/** More than logical_decoding_work_mem at its least, which is 64 kB. */
const MANY = `SELECT i, repeat('x', 200) FROM generate_series`;

/** A folder of its own for the spool, and what lies in it. */
async function spoolFolder(): Promise<{
  readonly directory: string;
  readonly files: () => Promise<readonly string[]>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'certyo-spool-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const files = async (): Promise<readonly string[]> =>
    (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.spool'));
  return { directory, files };
}

/** A table that is read with `twoPhase`, on a server that has prepared transactions. */
async function preparing(skip: (why: string) => never): ReturnType<typeof captured> {
  const db = await testDatabase();
  const [{ major, prepared } = { major: 0, prepared: 0 }] = await db.query<{
    readonly major: number;
    readonly prepared: number;
  }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS major,
            current_setting('max_prepared_transactions')::int AS prepared`,
  );
  await db[Symbol.asyncDispose]();
  if (major < 15) skip('PostgreSQL 15 and newer');
  let own: PostgresServer | undefined;
  if (prepared === 0) {
    own = await startPostgres({ major, settings: { max_prepared_transactions: 5 } });
    const server = own;
    onTestFinished(() => server[Symbol.asyncDispose]());
  }
  return captured(TABLE, { tables: ['t'], twoPhase: true }, own);
}

describe(replicationSource, () => {
  test('R-24: a streamed transaction that is rolled back leaves nothing, in events and on disk', async () => {
    const { directory, files } = await spoolFolder();
    await using it = await captured([...TABLE, LEAST_DECODING_MEMORY], {
      tables: ['t'],
      streaming: { directory },
    });
    await using reader = await openReader(it.source);
    const writer = await it.db.client();
    await writer.query('BEGIN');
    await writer.query(`INSERT INTO t ${MANY}(1, 5000) i`);
    await expect.poll(files).toHaveLength(1);
    expect(reader.events).toEqual([]);
    await writer.query('ROLLBACK');
    await it.db.query(`INSERT INTO t VALUES (0, 'kept')`);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t {"id":0,"v":"kept"}']);
    await expect.poll(files).toEqual([]);
  });

  test('R-24: what is rolled back to a savepoint never comes, though it was streamed', async () => {
    const { directory, files } = await spoolFolder();
    await using it = await captured([...TABLE, LEAST_DECODING_MEMORY], {
      tables: ['t'],
      streaming: { directory },
    });
    await using reader = await openReader(it.source);
    const writer = await it.db.client();
    await writer.query('BEGIN');
    await writer.query(`INSERT INTO t ${MANY}(1, 1000) i`);
    await writer.query('SAVEPOINT a');
    await writer.query(`INSERT INTO t ${MANY}(1001, 6000) i`);
    const spooled = async (): Promise<number> => {
      const sizes = (await files()).map(async (name) => (await stat(join(directory, name))).size);
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    };
    // More than the rows before the savepoint can be.
    await expect.poll(spooled).toBeGreaterThan(1000 * 400);
    await writer.query('ROLLBACK TO a');
    await writer.query(`INSERT INTO t ${MANY}(1001, 2000) i`);
    await writer.query('COMMIT');
    await reader.caughtUp();
    expect(reader.rows.map((row) => row.key['id'])).toEqual(
      Array.from({ length: 2000 }, (_, i) => i + 1),
    );
    expect(new Set(reader.events.map(({ id }) => id)).size).toBe(2000);
    await expect.poll(files).toEqual([]);
  });

  test('R-24: a spool that outgrows its limit stops the source with the option to raise, and loses nothing', async () => {
    const { directory, files } = await spoolFolder();
    await using it = await captured([...TABLE, LEAST_DECODING_MEMORY], {
      tables: ['t'],
      streaming: { directory, maxBytes: 300_000 },
    });
    {
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO t ${MANY}(1, 5000) i`);
      expect(await reader.ended()).toMatchObject({
        code: 'SOURCE_SPOOL',
        message: expect.stringContaining('streaming.maxBytes') as string,
      });
      expect(reader.events).toEqual([]);
    }
    expect(await files()).toEqual([]);
    await using again = await openReader(sourceOf(it.db, { tables: ['t'], streaming: true }));
    await again.caughtUp();
    expect(again.rows).toHaveLength(5000);
  });

  test('a prepared transaction leaves when it is committed, also after a restart behind its PREPARE', async ({
    skip,
  }) => {
    await using it = await preparing(skip);
    let checkpoint;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`BEGIN; INSERT INTO t VALUES (1, 'a'); PREPARE TRANSACTION 'kept'`);
      await it.db.query(`BEGIN; INSERT INTO t VALUES (2, 'b'); PREPARE TRANSACTION 'undone'`);
      await it.db.query(`INSERT INTO t VALUES (3, 'c')`);
      await reader.caughtUp();
      expect(reader.told).toEqual(['insert t {"id":3,"v":"c"}']);
      checkpoint = await reader.acknowledge();
    }
    await using again = await openReader(it.source, { after: checkpoint });
    await it.db.query(`ROLLBACK PREPARED 'undone'`);
    await it.db.query(`COMMIT PREPARED 'kept'`);
    await again.caughtUp();
    expect(again.told).toEqual(['insert t {"id":1,"v":"a"}']);
    const last = await again.acknowledge();
    expect(last.state).not.toHaveProperty('readFrom');
    // The server goes by the slot, whatever the option says.
    await expect(
      sourceOf(it.db, { tables: ['t'] }).open({
        after: last,
        signal: new AbortController().signal,
      }),
    ).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
  });

  test('R-21: rows that a prepared transaction wrote before it altered their table have the columns of then', async ({
    skip,
  }) => {
    await using it = await preparing(skip);
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await it.db.query(
      `BEGIN; INSERT INTO t VALUES (2, 'b'); ALTER TABLE t ADD c int; INSERT INTO t VALUES (3, 'c', 3); PREPARE TRANSACTION 'altered'`,
    );
    await reader.caughtUp();
    await it.db.query(`COMMIT PREPARED 'altered'`);
    await it.db.query(`INSERT INTO t VALUES (4, 'd', 4)`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1,"v":"a"}',
      'insert t {"id":2,"v":"b"}',
      'schema t',
      'insert t {"c":3,"id":3,"v":"c"}',
      'insert t {"c":4,"id":4,"v":"d"}',
    ]);
  });

  test('R-21: what a prepared transaction describes first holds for others meanwhile, and also when it is rolled back', async ({
    skip,
  }) => {
    await using it = await preparing(skip);
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    await it.db.query(`ALTER TABLE t ADD c int`);
    for (const end of ['ROLLBACK', 'COMMIT']) {
      await it.db.query(`BEGIN; INSERT INTO t VALUES (2, 'b', 2); PREPARE TRANSACTION 'described'`);
      await it.db.query(`INSERT INTO t VALUES (3, 'c', 3)`);
      await reader.caughtUp();
      await it.db.query(`${end} PREPARED 'described'`);
      await it.db.query(`DELETE FROM t WHERE id = 3`);
      await reader.caughtUp();
    }
    expect(reader.told).toEqual([
      'insert t {"id":1,"v":"a"}',
      'schema t',
      'insert t {"c":3,"id":3,"v":"c"}',
      'delete t {"id":3}',
      'insert t {"c":3,"id":3,"v":"c"}',
      'insert t {"c":2,"id":2,"v":"b"}',
      'delete t {"id":3}',
    ]);
  });
});
