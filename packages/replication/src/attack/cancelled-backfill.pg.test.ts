import { openReader } from '@certyo-cdc/testing';
import { expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';

const TABLE = [
  'CREATE TABLE t (id int PRIMARY KEY, v text)',
  `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 100) i`,
];
const POLL = { timeout: 20_000 };

test('a backfill that is cancelled does not come back with the next life', async () => {
  await using it = await captured(TABLE, { tables: ['t'] });
  await it.source.setup();
  let after;
  const backfill = await it.source.backfill({ tables: ['t'], chunkRows: 10 });
  {
    await using reader = await openReader(it.source, { paused: true });
    await expect.poll(() => reader.rows.length, POLL).toBe(10);
    after = await reader.acknowledge();
    await backfill.cancel();
    await expect.poll(async () => (await backfill.status()).state, POLL).toBe('cancelled');
  }
  await using reader = await openReader(it.source, { after });
  await reader.caughtUp();
  for (let look = 0; look < 30; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (reader.end !== null) await reader.acknowledge();
  }
  expect.soft(await backfill.status()).toMatchObject({ state: 'cancelled' });
  expect(reader.rows).toHaveLength(0);
});

test('a backfill whose last chunk was saved by a life that was killed then is finished by the next, also where nothing is written', async () => {
  await using it = await captured(TABLE, { tables: ['t'] });
  await it.source.setup();
  let after;
  const backfill = await it.source.backfill({ tables: ['t'] });
  {
    await using reader = await openReader(it.source);
    await expect.poll(() => reader.rows.length, POLL).toBe(100);
    // Saved, not acknowledged any more.
    await expect.poll(() => reader.end, POLL).not.toBeNull();
    after = reader.checkpoint();
  }
  expect((await backfill.status()).state).toBe('running');
  await using reader = await openReader(it.source, { after });
  await reader.caughtUp();
  await expect
    .poll(
      async () => {
        if (reader.end !== null) await reader.acknowledge();
        return (await backfill.status()).state;
      },
      { timeout: 40_000 },
    )
    .toBe('finished');
});
