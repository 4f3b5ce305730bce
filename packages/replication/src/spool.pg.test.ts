import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Captured, captured, LEAST_DECODING_MEMORY, sourceOf } from './testing/captured.ts';

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  'CREATE TABLE other (id int PRIMARY KEY, v text)',
  LEAST_DECODING_MEMORY,
];
/** More than logical_decoding_work_mem at its least, which is 64 kB. */
const many = (from: number, to: number): string =>
  `SELECT i, repeat('x', 200) FROM generate_series(${from}, ${to}) i`;

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'certyo-spool-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function files(directory: string): Promise<readonly string[]> {
  return (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.spool'));
}

async function cut(it: Captured): Promise<void> {
  await it.db.query(
    'SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $1',
    [it.db.database],
  );
}

describe('the spool', () => {
  test('R-24: a transaction that ends between two of its pieces, and whose connection is cut there, leaves nothing or all', async () => {
    const directory = await folder();
    await using it = await captured(TABLE, { tables: ['t'], streaming: { directory } });
    await using reader = await openReader(it.source);
    const writer = await it.db.client();
    for (const [from, end] of [
      [1, 'ROLLBACK'],
      [10_001, 'COMMIT'],
    ] as const) {
      await writer.query('BEGIN');
      await writer.query(`INSERT INTO t ${many(from, from + 1_999)}`);
      await expect.poll(() => files(directory)).toHaveLength(1);
      // A subtransaction that is rolled back while it is streamed.
      await writer.query('SAVEPOINT s');
      await writer.query(`INSERT INTO t ${many(from + 2_000, from + 3_999)}`);
      await writer.query('ROLLBACK TO s');
      await cut(it);
      await writer.query(`INSERT INTO t ${many(from + 4_000, from + 4_999)}`);
      await writer.query(end);
    }
    await reader.caughtUp();
    const ids = reader.rows.map(({ key }) => Number(key['id']));
    expect(ids).toHaveLength(3_000);
    expect(new Set(ids).size).toBe(3_000);
    expect(ids.every((id) => id > 10_000 && (id < 12_001 || id > 14_000))).toBe(true);
    await expect.poll(() => files(directory)).toEqual([]);
  });

  test('R-24, R-20: columns that a streamed transaction adds and takes back are no part of what follows', async () => {
    await using it = await captured(TABLE, { tables: ['t'], streaming: true });
    await using reader = await openReader(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
    const writer = await it.db.client();
    await writer.query('BEGIN');
    await writer.query(`INSERT INTO t ${many(1_001, 2_000)}`);
    await writer.query(
      'ALTER TABLE t ADD COLUMN w int DEFAULT 7, ALTER COLUMN v TYPE varchar(300)',
    );
    await writer.query(`INSERT INTO t ${many(2_001, 3_000)}`);
    await reader.stream.caughtUp({ signal: AbortSignal.timeout(60_000) });
    await writer.query('ROLLBACK');
    await it.db.query(`INSERT INTO t VALUES (2, 'b')`);
    // The same in a subtransaction of one that commits.
    await writer.query('BEGIN');
    await writer.query(`INSERT INTO t VALUES (3, 'c')`);
    await writer.query('SAVEPOINT s');
    await writer.query('ALTER TABLE t ADD COLUMN w int DEFAULT 8');
    await writer.query(`INSERT INTO t ${many(3_001, 4_000)}`);
    await writer.query('ROLLBACK TO s');
    await writer.query(`INSERT INTO t ${many(4_001, 5_000)}`);
    await writer.query('COMMIT');
    await reader.caughtUp();
    expect(reader.told.filter((what) => what.startsWith('schema'))).toEqual([]);
    expect(reader.rows).toHaveLength(1_003);
    for (const { after } of reader.rows) expect(Object.keys(after ?? {})).toEqual(['id', 'v']);
  });

  test('a folder that cannot be written stops the source with SOURCE_SPOOL, and loses nothing', async () => {
    const directory = await folder();
    const file = join(directory, 'file');
    await writeFile(file, '');
    const below = join(file, 'spool');
    await using it = await captured(TABLE, { tables: ['t'], streaming: { directory: below } });
    const opened = openReader(it.source);
    const outcome = await opened.then(
      async (reader) => {
        await it.db.query(`INSERT INTO t ${many(1, 2_000)}`);
        const error = await reader.ended();
        expect(reader.events).toEqual([]);
        await reader[Symbol.asyncDispose]();
        return error;
      },
      async (error: unknown) => {
        await it.db.query(`INSERT INTO t ${many(1, 2_000)}`);
        return error;
      },
    );
    expect(outcome).toMatchObject({
      code: 'SOURCE_SPOOL',
      message: expect.stringContaining('ENOTDIR') as string,
    });
    await using again = await openReader(sourceOf(it.db, { tables: ['t'] }));
    await again.caughtUp();
    expect(again.rows).toHaveLength(2_000);
  });

  test('what a process that died has left is removed at the next start', async () => {
    const directory = await folder();
    const kept = await folder();
    await using it = await captured(TABLE, { tables: ['t'], streaming: { directory } });
    const writer = await it.db.client();
    {
      await using reader = await openReader(it.source);
      await writer.query('BEGIN');
      await writer.query(`INSERT INTO t ${many(1, 2_000)}`);
      await expect.poll(() => files(directory)).toHaveLength(1);
      expect(reader.events).toEqual([]);
      await cp(directory, kept, { recursive: true });
    }
    expect(await files(directory)).toEqual([]);
    await cp(kept, directory, { recursive: true });
    expect(await files(directory)).toHaveLength(1);
    await using reader = await openReader(it.source);
    await writer.query('COMMIT');
    await reader.caughtUp();
    expect(reader.rows).toHaveLength(2_000);
    await expect.poll(() => files(directory)).toEqual([]);
  });

  test('two sources over one folder do not meet', async () => {
    const directory = await folder();
    await using it = await captured(TABLE, { tables: ['t'], streaming: { directory } });
    const slot = `${it.db.database}_2`;
    await it.db.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
    const writer = await it.db.client();
    await using first = await openReader(it.source);
    await writer.query('BEGIN');
    await writer.query(`INSERT INTO t ${many(1, 2_000)}`);
    await expect.poll(() => files(directory)).toHaveLength(1);
    // The second one begins by clearing what is its own.
    await using second = await openReader(
      sourceOf(it.db, { tables: ['t'], slot, streaming: { directory } }),
    );
    await writer.query(`INSERT INTO t ${many(2_001, 4_000)}`);
    await expect.poll(() => files(directory)).toHaveLength(2);
    await writer.query('COMMIT');
    for (const reader of [first, second]) {
      await reader.caughtUp();
      expect(reader.rows).toHaveLength(4_000);
    }
  });
});
