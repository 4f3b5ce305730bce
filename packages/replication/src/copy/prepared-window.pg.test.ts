import { openReader, startPostgres } from '@certyo-cdc/testing';
import { expect, inject, test } from 'vitest';
import { captured, LEAST_DECODING_MEMORY } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';
import { GATED, gate } from '../testing/gate.ts';

const major = inject('postgresMajor');
test('S-04 on a server with prepared transactions: prepared before the chunk, and in its window', async ({
  skip,
}) => {
  skip(major < 15, 'twoPhase came with PostgreSQL 15');
  await using server = await startPostgres({ major, settings: { max_prepared_transactions: 5 } });
  await using it = await captured(
    [
      'CREATE TABLE t (id int PRIMARY KEY, v text)',
      `INSERT INTO t SELECT i, 'first' FROM generate_series(1, 100) i`,
      LEAST_DECODING_MEMORY,
    ],
    { tables: ['t'], twoPhase: true, streaming: true },
    server,
  );
  await it.source.setup();
  await using reader = await openReader(it.source);
  await using closed = await gate(it.db);
  const backfill = await it.source.backfill({ tables: ['t'], where: GATED, chunkRows: 50 });
  await closed.reached();
  await it.db.query(
    `BEGIN; UPDATE t SET v = 'prepared' WHERE id IN (3, 62); DELETE FROM t WHERE id IN (4, 63); INSERT INTO t VALUES (1000, 'new'); PREPARE TRANSACTION 'p'`,
  );
  await closed.open();
  await expect.poll(() => reader.rows.length).toBeGreaterThan(40);
  await it.db.query(`COMMIT PREPARED 'p'`);
  await finished(backfill, reader);
  await reader.caughtUp();
  const last = new Map(
    reader.rows.map((row) => [row.key['id'], row.after?.['v'] ?? row.operation]),
  );
  expect([3, 62, 4, 63, 1000, 5].map((id) => last.get(id))).toEqual([
    'prepared',
    'prepared',
    'delete',
    'delete',
    'new',
    'first',
  ]);
});
