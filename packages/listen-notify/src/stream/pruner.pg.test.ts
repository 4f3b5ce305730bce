import { resolveConnection, sqlSession } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';
import { readLogState } from './log-state.ts';
import { Pruner } from './pruner.ts';
import { pruneGuard } from './sql.ts';
import { textQuery } from './text-query.ts';

const LOG = { schema: 'certyo', name: 'change_log' };

/** What is left of three rows, and how far is noted as pruned, when the first two were acknowledged on another server. */
async function leftAfter(
  read: { readonly logId?: string; readonly timeline?: string },
  /** Counted from where the log begins. */
  acknowledged: bigint,
): Promise<unknown> {
  await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], { tables: ['t'] });
  await it.db.query('INSERT INTO t VALUES (1), (2), (3)');
  let begin = 0n;
  const session = sqlSession(resolveConnection(it.db.url, {}));
  try {
    const { signal } = new AbortController();
    const state = await readLogState(textQuery(session, signal), LOG);
    begin = state.prunedThrough;
    const pruner = new Pruner({
      session,
      log: LOG,
      guard: () => pruneGuard(LOG, { ...state, ...read, lease: `'true'` }),
      intervalMs: 60_000,
      prunedThrough: state.prunedThrough,
      signal,
      onFailure: (error) => {
        throw error;
      },
    });
    pruner.acknowledge(begin + acknowledged);
    await pruner.close();
  } finally {
    await session.close();
  }
  const [row] = await it.db.query(
    `SELECT (SELECT count(*)::int FROM certyo.change_log) AS rows, (pruned_through - $1::int8)::text AS pruned FROM certyo.change_log_state`,
    [String(begin)],
  );
  return row;
}

describe('Pruner', () => {
  test('deletes what is acknowledged, and notes how far', async () => {
    expect(await leftAfter({}, 2n)).toEqual({ rows: 1, pruned: '2' });
  });

  test('touches nothing on another timeline: numbers may stand for other changes there', async () => {
    expect(await leftAfter({ timeline: '000000FF' }, 2n)).toEqual({ rows: 3, pruned: '0' });
  });

  test('touches nothing of another log', async () => {
    expect(await leftAfter({ logId: 'other' }, 2n)).toEqual({ rows: 3, pruned: '0' });
  });

  test('notes what was acknowledged also where the last numbers were rolled back', async () => {
    expect(await leftAfter({}, 7n)).toEqual({ rows: 0, pruned: '7' });
  });
});
