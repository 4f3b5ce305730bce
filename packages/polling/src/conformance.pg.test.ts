import {
  type ChangeSourceFixture,
  describeChangeSource,
  type RowStatement,
} from '@certyo-cdc/testing/vitest';
import type { PollingTable } from './options.ts';
import { captured, sourceOf } from './testing/captured.ts';

async function fixture(table: Omit<PollingTable, 'table'>): Promise<ChangeSourceFixture> {
  const tables = [{ table: 'records', ...table }];
  const it = await captured(
    [
      `CREATE TABLE records (id int PRIMARY KEY, value text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now())`,
    ],
    { tables },
  );
  const client = await it.db.client();
  const run = async (statements: readonly RowStatement[], end: string): Promise<void> => {
    await client.query('BEGIN');
    for (const statement of statements) {
      const { operation, id } = statement;
      if (operation === 'delete') await client.query('DELETE FROM records WHERE id = $1', [id]);
      else {
        await client.query(
          operation === 'insert'
            ? 'INSERT INTO records (id, value) VALUES ($1, $2)'
            : 'UPDATE records SET value = $2, updated_at = now() WHERE id = $1',
          [id, statement.value],
        );
      }
    }
    await client.query(end);
  };
  return {
    source: () => sourceOf(it.db, { tables }),
    commit: (statements) => run(statements, 'COMMIT'),
    rollBack: (statements) => run(statements, 'ROLLBACK'),
    [Symbol.asyncDispose]: () => it[Symbol.asyncDispose](),
  };
}

describeChangeSource('polling by xid, tombstones', {
  shows: 'latest-state',
  create: () => fixture({}),
});

const stamp = { kind: 'timestamp', column: 'updated_at', overlapMs: 5_000 } as const;

describeChangeSource('polling by xid, reconciled', {
  shows: 'latest-state',
  create: () => fixture({ hardDeletes: { reconcileMs: 1 } }),
});
describeChangeSource('polling by timestamp, tombstones', {
  shows: 'latest-state',
  create: () => fixture({ cursor: stamp, hardDeletes: 'tombstone' }),
});
describeChangeSource('polling by timestamp alone', {
  shows: 'latest-state',
  seesDeletes: false,
  create: () => fixture({ cursor: stamp }),
});
