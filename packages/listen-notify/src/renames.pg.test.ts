import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

const TABLES = ['CREATE TABLE t (id int PRIMARY KEY, v text)', 'CREATE SCHEMA elsewhere'];

describe('a captured table that has another name for a while', () => {
  test.each([
    ['renamed', 'ALTER TABLE t RENAME TO tmp', 'tmp', 'ALTER TABLE tmp RENAME TO t'],
    [
      'moved',
      'ALTER TABLE t SET SCHEMA elsewhere',
      'elsewhere.t',
      'ALTER TABLE elsewhere.t SET SCHEMA public',
    ],
  ])(
    '%s: what is written meanwhile is told under the name that is captured',
    async (_name, there, name, back) => {
      await using it = await captured(TABLES, { tables: ['t'] });
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
      await it.db.query(
        `BEGIN; ${there}; UPDATE ${name} SET v = 'b'; TRUNCATE ${name}; INSERT INTO ${name} VALUES (2, 'c'); ${back}; COMMIT`,
      );
      await it.db.query(`INSERT INTO t VALUES (3, 'd')`);
      await reader.caughtUp();
      expect(reader.told).toEqual([
        'insert t {"id":1,"v":"a"}',
        'update t {"id":1,"v":"b"}',
        'truncate t',
        'insert t {"id":2,"v":"c"}',
        'insert t {"id":3,"v":"d"}',
      ]);
      expect(new Set(reader.rows.map((row) => row.table.schema))).toEqual(new Set(['public']));
    },
  );

  test('acceptTables with the new name tells what was written under the old one', async () => {
    await using it = await captured(TABLES, { tables: ['t'] });
    let after;
    {
      await using reader = await openReader(it.source);
      await it.db.query(`INSERT INTO t VALUES (1, 'a')`);
      await reader.caughtUp();
      after = await reader.acknowledge();
    }
    await it.db.query(`INSERT INTO t VALUES (2, 'b')`);
    await it.db.query('ALTER TABLE t RENAME TO t2');
    const options = { tables: ['t2'], acceptTables: true };
    await sourceOf(it.db, options).setup();
    await using reader = await openReader(sourceOf(it.db, options), { after });
    await it.db.query(`INSERT INTO t2 VALUES (3, 'c')`);
    await reader.caughtUp();
    expect(reader.told).toEqual(['insert t2 {"id":2,"v":"b"}', 'insert t2 {"id":3,"v":"c"}']);
  });
});
