import type { GapError } from '@certyo-cdc/core';
import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';
import { readFirstPart } from '../testing/first-part.ts';

const WIDE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `ALTER TABLE t ALTER v SET STORAGE EXTERNAL`,
  `INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 14000) i`,
];
const SLOW = { tables: ['t'], copy: { parallel: 1 }, maxBufferedBytes: 65_536 } as const;

describe('recover by accept in the middle of a first copy', () => {
  test('what was left to copy is still copied', async () => {
    await using it = await captured(WIDE, SLOW);
    const given = new Set<unknown>();
    const { after, rows } = await readFirstPart(it.source);
    for (const row of rows) given.add(row.key['id']);
    expect(after.state).toHaveProperty('copy');
    await it.db.query('ALTER PUBLICATION certyo_cdc DROP TABLE t');
    await it.db.query('ALTER PUBLICATION certyo_cdc ADD TABLE t');
    const gap = (await openReader(sourceOf(it.db, SLOW), { after }).catch(
      (error: unknown) => error,
    )) as GapError;
    expect(gap.code).toBe('GAP_PUBLICATION');
    const recover = { gap: gap.fingerprint ?? '', by: 'accept' } as const;
    await using reader = await openReader(sourceOf(it.db, { ...SLOW, recover }), { after });
    await reader.caughtUp();
    for (const row of reader.rows) given.add(row.key['id']);
    expect(given.size).toBe(14_000);
  });
});
