import {
  type ChangeSourceFixture,
  CREATE_RECORDS,
  describeChangeSource,
  recordsFixture,
} from '@certyo-cdc/testing/vitest';
import type { PollingTable } from './options.ts';
import { captured, sourceOf } from './testing/captured.ts';

async function fixture(table: Omit<PollingTable, 'table'>): Promise<ChangeSourceFixture> {
  const tables = [{ table: 'records', ...table }];
  const it = await captured(
    [
      CREATE_RECORDS,
      'ALTER TABLE records ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now()',
    ],
    { tables },
  );
  return await recordsFixture(it.db, () => sourceOf(it.db, { tables }), { stamp: 'updated_at' });
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
