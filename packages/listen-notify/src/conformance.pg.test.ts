import {
  type ChangeSourceFixture,
  CREATE_RECORDS,
  describeChangeSource,
  recordsFixture,
} from '@certyo-cdc/testing/vitest';
import type { DurableSourceOptions } from './options.ts';
import { captured, sourceOf } from './testing/captured.ts';

async function fixture(doorbell: DurableSourceOptions['doorbell']): Promise<ChangeSourceFixture> {
  const options = { tables: ['records'], doorbell };
  const it = await captured([CREATE_RECORDS], options);
  return await recordsFixture(it.db, () => sourceOf(it.db, options));
}

for (const doorbell of ['armed', 'always', false] as const) {
  describeChangeSource(`listen-notify, doorbell ${doorbell}`, { create: () => fixture(doorbell) });
}
