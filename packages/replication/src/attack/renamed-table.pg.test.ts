import { openReader } from '@certyo-cdc/testing';
import { expect, inject, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

const POLL = { timeout: 20_000 };
const OPTIONS = { schemas: ['s'], copy: { parallel: 1 }, maxBufferedBytes: 65_536 } as const;

test('a table of a captured schema that is renamed between two lives of its first copy is copied to its end', async ({
  skip,
}) => {
  skip(inject('postgresMajor') < 15, 'schemas came with PostgreSQL 15');
  await using it = await captured(
    [
      'CREATE SCHEMA s',
      'CREATE TABLE s.t (id int PRIMARY KEY, v text)',
      `ALTER TABLE s.t ALTER v SET STORAGE EXTERNAL`,
      `INSERT INTO s.t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
    ],
    OPTIONS,
  );
  const given = new Set<unknown>();
  let after;
  {
    await using reader = await openReader(it.source);
    const parts = (): number => reader.batches.filter(({ end }) => end !== null).length;
    await expect.poll(parts, POLL).toBeGreaterThanOrEqual(2);
    reader.pause();
    after = await reader.acknowledge();
    for (const row of reader.rows) given.add(row.key['id']);
  }
  await it.db.query('ALTER TABLE s.t RENAME TO u');
  await using reader = await openReader(sourceOf(it.db, OPTIONS), { after });
  await it.db.query(`UPDATE s.u SET v = 'later' WHERE id = 1`);
  await reader.caughtUp();
  // Its changes are captured.
  expect(reader.rows.map((row) => row.table.name)).toContain('u');
  for (const row of reader.rows) given.add(row.key['id']);
  const warned = reader.sourceEvents.flatMap((event) =>
    event.type === 'source-warned' && event.code.startsWith('COPY') ? [event.message] : [],
  );
  expect({ given: given.size, warned }).toEqual({ given: 14_000, warned: [] });
});
