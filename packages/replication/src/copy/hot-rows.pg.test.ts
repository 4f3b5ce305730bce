import { openReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured } from '../testing/captured.ts';
import { finished } from '../testing/finished.ts';

const LARGE = [
  'CREATE TABLE t (id int PRIMARY KEY, n int, large text)',
  'ALTER TABLE t ALTER large SET STORAGE EXTERNAL',
  `INSERT INTO t SELECT i, 0, repeat('x', 3000) FROM generate_series(1, 60) i`,
];

describe('a row that is changed all the time without its large value', () => {
  test.each([0, 25])(
    'every %i ms: its copy ends, with that value or a warning',
    async (pauseMs) => {
      await using it = await captured(LARGE, { tables: ['t'] });
      await it.source.setup();
      await using reader = await openReader(it.source);
      const writer = await it.db.client();
      let isOver = false;
      const writing = (async () => {
        while (!isOver) {
          await writer.query('UPDATE t SET n = n + 1 WHERE id = 30');
          if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      })();
      try {
        await expect.poll(() => reader.rows.length).toBeGreaterThan(2);
        const status = await finished(await it.source.backfill({ tables: ['t'] }), reader);
        expect(status.tables[0]?.isWhole).toBe(true);
      } finally {
        isOver = true;
        await writing;
      }
      await reader.caughtUp();
      const copied = reader.rows.filter((row) => row.operation === 'snapshot');
      expect(copied.length).toBeGreaterThanOrEqual(59);
      const isCopied = copied.some((row) => row.key['id'] === 30);
      const isWarned = reader.sourceEvents.some(
        (event) => event.type === 'source-warned' && event.code === 'COPY_ROW_INCOMPLETE',
      );
      expect(isCopied).toBe(!isWarned);
      // Never an old one: what is told of the row only grows.
      const told = reader.rows.flatMap(({ after, key }) =>
        key['id'] === 30 ? [Number(after?.['n'])] : [],
      );
      expect(told).toEqual([...told].sort((a, b) => a - b));
    },
  );
});
