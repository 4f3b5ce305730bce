import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured, sourceOf } from '../testing/captured.ts';

test('two instances that start their first copy at once: one reads, the other waits for the slot', async () => {
  const options = { tables: ['t'], copy: true, slotWaitMs: 3_000 } as const;
  await using it = await captured(
    ['CREATE TABLE t (id int PRIMARY KEY)', 'INSERT INTO t VALUES (1)'],
    options,
  );
  const both = await Promise.allSettled([
    openReader(sourceOf(it.db, options)),
    openReader(sourceOf(it.db, options)),
  ]);
  const told = both.map((one) =>
    one.status === 'fulfilled'
      ? 'reads'
      : `${(one.reason as { code?: string }).code}: ${String(one.reason)}`,
  );
  for (const one of both) if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]();
  expect(told.sort()).toEqual([expect.stringMatching(/^SOURCE_BUSY/), 'reads']);
});
