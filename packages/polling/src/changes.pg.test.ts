import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';

describe('pollingSource by xid', () => {
  test('gives rows that are there, then what changes, then what is gone', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, note text)', "INSERT INTO t VALUES (1, 'old')"],
      { tables: ['t'] },
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    expect(reader.told).toEqual(['snapshot t {"id":1,"note":"old"}']);
    await it.db.query("INSERT INTO t VALUES (2, 'new')");
    await reader.caughtUp();
    await it.db.query("UPDATE t SET note = 'changed' WHERE id = 1");
    await reader.caughtUp();
    await it.db.query('DELETE FROM t WHERE id = 2');
    await reader.caughtUp();
    expect(reader.told.slice(1)).toEqual([
      'snapshot t {"id":2,"note":"new"}',
      'snapshot t {"id":1,"note":"changed"}',
      'delete t {"id":2,"note":"new"}',
    ]);
    const checkpoint = await reader.acknowledge();
    await reader[Symbol.asyncDispose]();
    await it.db.query("INSERT INTO t VALUES (3, 'three')");
    await using again = await openReader(it.source, { after: checkpoint });
    await again.caughtUp();
    expect(again.told).toEqual(['snapshot t {"id":3,"note":"three"}']);
  });

  test('I6: leaves out the columns that are ours by name, in rows and deletes; those that have other names are like any', async () => {
    await using it = await captured(
      [
        'CREATE TABLE ours (id int PRIMARY KEY, certyo_record_hash text)',
        'CREATE TABLE named (id int PRIMARY KEY)',
      ],
      {
        tables: [
          'ours',
          { table: 'named', cursor: { kind: 'xid', column: 'written_by' }, lastUpdate: 'at' },
        ],
      },
    );
    await it.db.query("INSERT INTO ours VALUES (1, 'h'); INSERT INTO named VALUES (1)");
    const [row] = await it.db.query<{ xid: string; at: string }>(
      "SELECT written_by::text AS xid, to_json(at AT TIME ZONE 'UTC') #>> '{}' AS at FROM named",
    );
    await using reader = await openReader(it.source);
    await reader.caughtUp();
    await it.db.query('DELETE FROM ours; DELETE FROM named');
    await reader.caughtUp();
    const rowOf = (name: string): string[] =>
      reader.rows
        .filter(({ table }) => table.name === name)
        .map((event) => `${event.operation} ${event.canonicalRow()}`);
    expect(rowOf('ours')).toEqual(['snapshot {"id":1}', 'delete {"id":1}']);
    const [snapshot, deleted] = rowOf('named');
    expect(snapshot?.replace('snapshot ', '')).toBe(deleted?.replace('delete ', ''));
    const named = JSON.parse(deleted?.replace('delete ', '') ?? '{}') as Record<string, unknown>;
    expect(Object.keys(named)).toEqual(['at', 'id', 'written_by']);
    expect(String(named['written_by'])).toBe(row?.xid);
    expect(String(named['at']).slice(0, 19)).toBe(row?.at.slice(0, 19));
  });
});
