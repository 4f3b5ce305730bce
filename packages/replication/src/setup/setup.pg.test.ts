import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { sourceOf } from '../testing/captured.ts';

describe('setup', () => {
  test('R-29: a running transaction that keeps the slot from beginning is named, and nothing is left half made', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const writer = await db.client();
    await writer.query('BEGIN');
    await writer.query('INSERT INTO t VALUES (1)');
    const [{ pid } = { pid: 0 }] = (await writer.query('SELECT pg_backend_pid() AS pid')).rows as {
      pid: number;
    }[];
    const source = sourceOf(db, { tables: ['t'] });
    await expect(source.setup({ slotLockTimeoutMs: -1 })).rejects.toThrow('slotLockTimeoutMs');
    await expect(source.setup({ slotLockTimeoutMs: 300 })).rejects.toThrow(
      new RegExp(
        `could not be made within 0.3 s.*${pid} \\(database ${db.database}\\).*End them`,
        's',
      ),
    );
    expect(
      await db.query('SELECT 1 FROM pg_replication_slots WHERE slot_name = $1', [db.database]),
    ).toEqual([]);
    await writer.query('COMMIT');
    await source.setup();
    expect(await source.setup()).toEqual([]);
  });

  test('generated columns do not make the writer fail under REPLICA IDENTITY FULL', async () => {
    await using db = await testDatabase();
    await db.query(
      `CREATE TABLE t (id int PRIMARY KEY, v int, w int GENERATED ALWAYS AS (v + 1) STORED);
       CREATE TABLE u (id int PRIMARY KEY, v int);
       ALTER TABLE t REPLICA IDENTITY FULL;
       INSERT INTO t VALUES (1, 1)`,
    );
    const source = sourceOf(db, { tables: ['t', 'u'] });
    await source.setup();
    await db.query('UPDATE t SET v = 2');
    expect(await source.setup()).toEqual([]);
    if (db.major < 18) return;
    // A publication of one's own, as it would be made by hand.
    await db.query('ALTER PUBLICATION certyo_cdc SET (publish_generated_columns = none)');
    await expect(db.query('UPDATE t SET v = 3')).rejects.toThrow('cannot update');
    expect(await source.setup()).toHaveLength(1);
    await db.query('DELETE FROM t');
    // A virtual column cannot be published at all.
    await db.query('ALTER TABLE u ADD x int GENERATED ALWAYS AS (v + 1) VIRTUAL');
    await db.query('ALTER TABLE u REPLICA IDENTITY FULL');
    await expect(source.setup()).rejects.toThrow(/virtual.*REPLICA IDENTITY DEFAULT/s);
  });

  test('instances that start together set up once, and none fails', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const options = { tables: ['t'], publication: 'together' };
    const made = await Promise.all(Array.from({ length: 4 }, () => sourceOf(db, options).setup()));
    expect(made.filter((statements) => statements.length > 0)).toHaveLength(1);
  });

  test('dryRun changes nothing; teardown removes what setup made', async () => {
    await using db = await testDatabase();
    await db.query('CREATE TABLE t (id int PRIMARY KEY)');
    const source = sourceOf(db, { tables: ['t'] });
    const printed = await source.setup({ dryRun: true });
    expect(await source.setup()).toEqual(printed);
    const removed = await source.teardown({ state: true, dryRun: true });
    expect(await source.teardown({ state: true })).toEqual(removed);
    expect(await source.teardown({ state: true })).toEqual([]);
    expect(await source.setup({ dryRun: true })).toEqual(
      printed.filter((sql) => !sql.startsWith('CREATE SCHEMA') || printed.includes(sql)),
    );
  });
});
