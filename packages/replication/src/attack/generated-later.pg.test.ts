import { openReader } from '@certyo-cdc/testing';
import { expect, inject, test } from 'vitest';
import { captured } from '../testing/captured.ts';

test('I4: a row that comes again has the same payload, though a column of it is not generated any more', async ({
  skip,
}) => {
  skip(inject('postgresMajor') < 18, 'generated columns are sent since PostgreSQL 18');
  await using it = await captured(
    [
      'CREATE TABLE t (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v * 2) STORED)',
      'ALTER TABLE t REPLICA IDENTITY FULL',
    ],
    { tables: ['t'] },
  );
  let after;
  let first;
  {
    await using reader = await openReader(it.source);
    await it.db.query('INSERT INTO t VALUES (1, 1)');
    await reader.caughtUp();
    after = await reader.acknowledge();
    await it.db.query('INSERT INTO t VALUES (2, 2)');
    await reader.caughtUp();
    first = reader.rows[1];
  }
  await it.db.query('ALTER TABLE t ALTER g DROP EXPRESSION');
  await using reader = await openReader(it.source, { after });
  await reader.caughtUp();
  const again = reader.rows[0];
  expect(again?.id).toBe(first?.id);
  expect(again?.canonicalRow()).toBe(first?.canonicalRow());
});
