import { describe, expect, test } from 'vitest';
import { captured } from './testing/captured.ts';
import { Reader } from './testing/reader.ts';

describe('pollingSource by xid', () => {
  test('gives rows that are there, then what changes, then what is gone', async () => {
    await using it = await captured(
      ['CREATE TABLE t (id int PRIMARY KEY, note text)', "INSERT INTO t VALUES (1, 'old')"],
      { tables: ['t'] },
    );
    await using reader = await Reader.open(it.source);
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
    await using again = await Reader.open(it.source, { after: checkpoint });
    await again.caughtUp();
    expect(again.told).toEqual(['snapshot t {"id":3,"note":"three"}']);
  });
});
