import {
  type ChangeSourceFixture,
  CREATE_RECORDS,
  describeChangeSource,
  recordsFixture,
} from '@certyo-cdc/testing/vitest';
import { captured, sourceOf } from './testing/captured.ts';

async function fixture(identity: string): Promise<ChangeSourceFixture> {
  const it = await captured([CREATE_RECORDS, `ALTER TABLE records REPLICA IDENTITY ${identity}`], {
    tables: ['records'],
  });
  return await recordsFixture(it.db, () => sourceOf(it.db, { tables: ['records'] }));
}

describeChangeSource('replication, REPLICA IDENTITY DEFAULT', {
  create: () => fixture('DEFAULT'),
});
describeChangeSource('replication, REPLICA IDENTITY FULL', { create: () => fixture('FULL') });
