import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { resolveConnection } from '../connection/resolve-connection.ts';
import { sqlSession } from '../connection/sql-session.ts';
import { runSetup } from '../setup/run-setup.ts';
import { acquireLease } from './acquire-lease.ts';
import { leaseSetupSql } from './sql.ts';

const signal = new AbortController().signal;

describe('acquireLease', () => {
  test('one holds it; the next one gets it at its release, with a greater token', async () => {
    await using db = await testDatabase();
    const session = sqlSession(resolveConnection(db.url, {}));
    try {
      await runSetup(session, leaseSetupSql(), { signal });
      const first = await acquireLease(session, { name: 'p', signal });
      expect(first.isHeld()).toBe(true);
      await expect(acquireLease(session, { name: 'p', waitMs: 50, signal })).rejects.toMatchObject({
        code: 'SOURCE_BUSY',
      });
      const second = acquireLease(session, { name: 'p', waitMs: false, signal });
      await first.release({ signal });
      expect(first.isHeld()).toBe(false);
      expect(first.lost.aborted).toBe(false);
      const held = await second;
      expect(held.token).toBeGreaterThan(first.token);
      const { rows } = await session.query(
        `SELECT ${first.guardSql} AS first, ${held.guardSql} AS second`,
        [],
        { signal },
      );
      expect({ ...rows[0] }).toEqual({ first: 'false', second: 'true' });
      await held.release({ signal });
    } finally {
      await session.close();
    }
  });
});
