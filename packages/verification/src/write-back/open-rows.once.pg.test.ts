import { normalizePostgresStoreOptions, openStoreSession } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';

import { writtenBack } from '../testing/written-back.ts';
import { openRowsSql } from './column-sql.ts';
import { normalizeStatusColumns } from './status-columns.ts';
import { describeTarget } from './target-table.ts';

const { signal } = new AbortController();

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The most rows that one node of a plan went through. */
function mostRows(node: PlanNode): number {
  const own = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0);
  return Math.max(own, ...(node.Plans ?? []).map(mostRows));
}

describe('openRows', () => {
  test('no statement goes through a whole table in which nearly all rows are anchored', async () => {
    await using it = await writtenBack();
    const writeBack = await it.make({ sweepIntervalMs: 1 });
    await it.database.query(
      `INSERT INTO items SELECT i, 'a' FROM generate_series(1, 30000) AS i;
       BEGIN; SET LOCAL certyo.write_back = 'on';
       UPDATE items SET certyo_anchor_status = 'anchored' WHERE id NOT IN (1, 12000, 29999, 30000); COMMIT; ANALYZE items`,
    );
    const session = openStoreSession(
      normalizePostgresStoreOptions({ connection: it.database.url }),
      'test',
    );
    const items = { schema: 'public', name: 'items' };
    const status = normalizeStatusColumns(undefined);
    const table = await describeTarget(session, items, { status, schema: 'certyo', signal });
    for (const [isContinued, after] of [
      [false, []],
      [true, ['7']],
    ] as const) {
      const { rows } = await session.query<Readonly<Record<string, string>>>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${openRowsSql(table, isContinued)}`,
        [500, ...after],
        { signal },
      );
      const [plan] = JSON.parse(rows[0]?.['QUERY PLAN'] ?? '[]') as { Plan: PlanNode }[];
      expect(plan === undefined ? Infinity : mostRows(plan.Plan)).toBeLessThan(6_000);
    }
    await session.close();
    const ids = ['1', '12000', '29999', '30000'];
    await it.store(
      ids.map((recordId) => ({ recordId, payload: { id: Number(recordId), note: 'a' } })),
    );
    expect(await writeBack.runOnce()).toMatchObject({ written: 4 });
  });
});
