import type { TableDescription } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';
import { normalizeReplicationOptions } from '../normalize-options.ts';
import type { ReplicationSourceOptions } from '../options.ts';
import { featureProblems, partitionedTableProblems } from './features.ts';

const settings = (options: Partial<ReplicationSourceOptions>) =>
  normalizeReplicationOptions({
    connection: 'postgresql://u@localhost/d',
    tables: ['t'],
    ...options,
  });

describe(featureProblems, () => {
  test.each<readonly [Partial<ReplicationSourceOptions>, number]>([
    [{ copy: true }, 13],
    [{ streaming: true }, 14],
    [{ messages: true }, 14],
    [{ twoPhase: true }, 15],
    [{ tables: [{ name: 't', columns: ['id'] }] }, 15],
    [{ tables: [{ name: 't', where: 'id > 1' }] }, 15],
    [{ schemas: ['s'] }, 15],
    [{ origin: 'none' }, 16],
    [{ failover: true }, 17],
  ])('%j needs PostgreSQL %i', (options, major) => {
    const before = { versionNumber: major * 10_000 - 1, version: 'older' };
    const problems = featureProblems(before, settings(options));
    expect(problems.map(({ what }) => what)).toEqual([
      expect.stringContaining(`needs PostgreSQL ${major}; the server is older`),
    ]);
    const since = { versionNumber: major * 10_000, version: 'new' };
    expect(featureProblems(since, settings(options))).toEqual([]);
  });
});

describe(partitionedTableProblems, () => {
  test('a partitioned table is refused before PostgreSQL 13, with the way out', () => {
    const parts = { schema: 'public', name: 'p', isPartitioned: true } as TableDescription;
    const plain = { schema: 'public', name: 't', isPartitioned: false } as TableDescription;
    const [problem, ...others] = partitionedTableProblems(
      { versionNumber: 120_022, version: '12.22' },
      [parts, plain],
    );
    expect(problem?.what).toContain('public.p is a partitioned table');
    expect(problem?.sql).toContain('its partitions');
    expect(others).toEqual([]);
    expect(partitionedTableProblems({ versionNumber: 130_000, version: '13.0' }, [parts])).toEqual(
      [],
    );
  });
});
