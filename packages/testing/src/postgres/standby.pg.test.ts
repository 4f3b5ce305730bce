import { describe, expect, inject, test } from 'vitest';

import type { PostgresServer } from './postgres-server.ts';
import { startPostgres } from './start-postgres.ts';

const major = inject('postgresMajor');

async function countRows(server: PostgresServer): Promise<number | string> {
  try {
    const rows = await server.query<{ n: number }>('SELECT count(*)::int AS n FROM t');
    return rows[0]?.n ?? 'none';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('startPostgres with standbyOf', () => {
  test('a standby made of a busy primary follows it, and takes over when promoted', async () => {
    await using primary = await startPostgres({ major, password: 'pw', tls: true });
    await primary.query('CREATE TABLE t AS SELECT generate_series(1, 50000) AS id');
    await primary.query('CHECKPOINT');
    const writer = await primary.client();
    let isWriting = true;
    const writing = (async () => {
      let written = 0;
      for (; isWriting; written += 1) await writer.query('INSERT INTO t VALUES (0)');
      return written;
    })();
    await using standby = await startPostgres({ standbyOf: primary });
    isWriting = false;
    const expected = 50_000 + (await writing);
    expect(standby.major).toBe(major);
    expect(standby.password).toBe('pw');
    expect(standby.certificates?.ca).toBe(primary.certificates?.ca);
    await expect.poll(() => countRows(standby)).toBe(expected);
    const sql = 'SELECT system_identifier::text AS id FROM pg_control_system()';
    expect(await standby.query(sql)).toEqual(await primary.query(sql));
    await expect(standby.query('INSERT INTO t VALUES (1)')).rejects.toMatchObject({
      code: '25006',
    });
    await primary.crash();
    await standby.promote();
    await standby.query('INSERT INTO t VALUES (1)');
    expect(await countRows(standby)).toBe(expected + 1);
  });

  test('a standby that was away catches up', async () => {
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await standby.stop();
    await primary.query('CREATE TABLE t AS SELECT generate_series(1, 100000) AS id');
    for (let round = 0; round < 5; round += 1) {
      await primary.query('SELECT pg_switch_wal()');
      await primary.query('CHECKPOINT');
    }
    await standby.start();
    await expect.poll(() => countRows(standby)).toBe(100_000);
  });

  test('a failover slot comes with it', async ({ skip }) => {
    skip(major < 17, 'failover slots came with PostgreSQL 17');
    await using primary = await startPostgres({ major });
    await using standby = await startPostgres({ standbyOf: primary });
    await primary.query(
      "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput', false, false, true)",
    );
    await expect
      .poll(
        async () => {
          await primary.query('SELECT pg_log_standby_snapshot()');
          return await standby.query(
            "SELECT synced, temporary FROM pg_replication_slots WHERE slot_name = 'cdc'",
          );
        },
        { timeout: 120_000, interval: 200 },
      )
      .toEqual([{ synced: true, temporary: false }]);
  });

  test('wants a primary of the same major', async () => {
    await using primary = await startPostgres({ major });
    await expect(startPostgres({ standbyOf: primary, major: major - 1 })).rejects.toThrow(
      `Expected \`major\` to be ${major}, the major of \`standbyOf\`, got \`${major - 1}\` (number).`,
    );
  });
});
