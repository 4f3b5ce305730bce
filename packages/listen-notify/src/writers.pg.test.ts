import { openReader, type StreamReader } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';
import { captured, sourceOf } from './testing/captured.ts';

/** Random whole numbers below a limit, the same for a seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const KEYS = 12;

describe('concurrent writers', () => {
  test.each(['armed', false] as const)(
    'O-01, O-02: every version of every record, in its order, with rollbacks and restarts (doorbell %s)',
    async (doorbell) => {
      const options = {
        tables: ['t'],
        doorbell,
        pruneIntervalMs: 20,
        maxBatchRows: 50,
        intervalMs: { min: 5 },
      };
      await using it = await captured(
        ['CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)'],
        options,
      );
      await it.db.query(`INSERT INTO t SELECT i, 0 FROM generate_series(0, ${KEYS - 1}) i`);
      const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);
      const random = seeded(seed);
      let isOver = false;
      const write = async (): Promise<void> => {
        const client = await it.db.client();
        for (let round = 0; round < 60; round += 1) {
          await client.query('BEGIN');
          // In the order of keys, so that writers do not deadlock.
          const first = random(KEYS);
          for (let key = first; key < Math.min(KEYS, first + 1 + random(4)); key += 1) {
            if (random(5) === 0) await client.query('SAVEPOINT s');
            await client.query('UPDATE t SET v = v + 1 WHERE id = $1', [key]);
            if (random(9) === 0) await client.query('SAVEPOINT s; ROLLBACK TO s');
          }
          await client.query(random(4) === 0 ? 'ROLLBACK' : 'COMMIT');
        }
        await client.end();
      };
      const writing = Promise.all([write(), write(), write(), write()]).finally(() => {
        isOver = true;
      });
      const versions = new Map<unknown, number[]>();
      const ids = new Set<string>();
      let after = null;
      for (let isLast = false; !isLast;) {
        isLast = isOver;
        await using reader: StreamReader = await openReader(sourceOf(it.db, options), { after });
        await reader.caughtUp();
        // Only what lies before the newest end counts: the rest comes again.
        let count = 0;
        let covered = 0;
        for (const batch of reader.batches) {
          count += batch.events.length;
          if (batch.end !== null) covered = count;
        }
        if (reader.end === null) continue;
        for (const row of reader.rows.slice(0, covered)) {
          expect(ids.has(row.id), `seed ${seed}`).toBe(false);
          ids.add(row.id);
          const seen = versions.get(row.key['id']) ?? [];
          seen.push(Number(row.after?.['v']));
          versions.set(row.key['id'], seen);
        }
        after = await reader.acknowledge();
      }
      await writing;
      const rows = await it.db.query<{ id: number; v: number }>('SELECT id, v FROM t ORDER BY id');
      for (const { id, v } of rows) {
        expect(versions.get(id), `seed ${seed}`).toEqual(
          Array.from({ length: v + 1 }, (_, i) => i),
        );
      }
    },
  );
});

describe('roles', () => {
  test('the grants of the README are enough to read, prune and keep the lease', async () => {
    const options = { tables: ['t'], pruneIntervalMs: 20 };
    await using it = await captured(['CREATE TABLE t (id int PRIMARY KEY)'], options);
    const role = `role_${it.db.database}`;
    await it.db.query(`CREATE ROLE ${role} LOGIN`);
    await it.db.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
    try {
      const url = new URL(it.db.url);
      url.username = role;
      const source = sourceOf(it.db, { ...options, connection: url.href });
      await expect(openReader(source)).rejects.toMatchObject({ code: 'SOURCE_SETUP' });
      for (const sql of [
        `GRANT USAGE ON SCHEMA certyo TO ${role}`,
        `GRANT SELECT, DELETE ON certyo.change_log TO ${role}`,
        `GRANT SELECT ON certyo.change_log_columns, certyo.change_log_sequence TO ${role}`,
        `GRANT SELECT, UPDATE (pruned_through) ON certyo.change_log_state TO ${role}`,
        `GRANT SELECT, INSERT, UPDATE ON certyo.leases TO ${role}`,
      ]) {
        await it.db.query(sql);
      }
      await using reader = await openReader(source);
      await it.db.query('INSERT INTO t VALUES (1)');
      await (await reader.caughtUp()).acknowledge();
      expect(reader.told).toEqual(['insert t {"id":1}']);
      await expect.poll(() => it.db.query('SELECT FROM certyo.change_log')).toEqual([]);
    } finally {
      await it.db.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
