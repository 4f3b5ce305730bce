import { describe, expect, test } from 'vitest';
import { replicationSource } from './replication-source.ts';
import { captured } from './testing/captured.ts';
import { Reader } from './testing/reader.ts';

describe(replicationSource, () => {
  test('gives inserts, updates and deletes with their keys, in commit order', async () => {
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY, v text)'], {
      tables: ['t'],
    });
    await using reader = await Reader.open(it.source);
    await it.db.query(`INSERT INTO t VALUES (1, 'a'), (2, NULL)`);
    await it.db.query(`UPDATE t SET v = 'b' WHERE id = 1`);
    await it.db.query(`DELETE FROM t WHERE id = 2`);
    await reader.caughtUp();
    expect(reader.told).toEqual([
      'insert t {"id":1,"v":"a"}',
      'insert t {"id":2,"v":null}',
      'update t {"id":1,"v":"b"}',
      'delete t {"id":2}',
    ]);
    const [first] = reader.rows;
    expect(first?.key).toEqual({ id: 1 });
    expect(first?.transaction?.committedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(new Set(reader.events.map((event) => event.id)).size).toBe(4);
    expect(reader.rows[2]?.previousKey).toBeNull();
    expect(reader.rows[2]?.before).toBeNull();
  });
});
