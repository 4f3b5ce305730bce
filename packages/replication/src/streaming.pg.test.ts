import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured, LEAST_DECODING_MEMORY } from './testing/captured.ts';
import { Reader } from './testing/reader.ts';

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

describe(replicationSource, () => {
  test('R-24: a streamed transaction that is rolled back leaves nothing, in events and on disk', async () => {
    const { directory, files } = await spoolFolder();
    await using it = await captured([...TABLE, LEAST_DECODING_MEMORY], {
      tables: ['t'],
      streaming: { directory },
    });
    await using reader = await Reader.open(it.source);
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
});
