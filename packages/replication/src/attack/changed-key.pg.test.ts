import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';

test('I4: under REPLICA IDENTITY FULL a change that comes again has the same key, though the primary key is another one by now', async () => {
  await using it = await captured(
    [
      'CREATE TABLE t (id int PRIMARY KEY, code int NOT NULL)',
      'ALTER TABLE t REPLICA IDENTITY FULL',
    ],
    { tables: ['t'] },
  );
  let after;
  let first;
  {
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1, 101)');
    await reader.caughtUp();
    after = await reader.acknowledge();
    await it.db.query('INSERT INTO t VALUES (2, 102)');
    await reader.caughtUp();
    first = reader.rows[1];
  }
  await it.db.query('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (code)');
  await using reader = await openReader(it.source, { after });
  await reader.caughtUp();
  const again = reader.rows[0];
  expect(again?.id).toBe(first?.id);
  expect(again?.key).toEqual(first?.key);
});
