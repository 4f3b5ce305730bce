import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { receipt } from '../testing/receipts.ts';
import { receiptGrantSql, verifierGrantSql } from './grants.ts';

const { signal } = new AbortController();
const DAY_MS = 86_400_000;

type Database = Awaited<ReturnType<typeof testDatabase>>;

async function objects(database: Database): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT c.relname::text AS name FROM pg_class c WHERE c.relnamespace = to_regnamespace('certyo')
     UNION ALL SELECT p.proname FROM pg_proc p WHERE p.pronamespace = to_regnamespace('certyo') ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

async function partitionOf(database: Database, recordId: string): Promise<string | undefined> {
  const [row] = await database.query<{ name: string }>(
    'SELECT tableoid::regclass::text AS name FROM certyo.receipts WHERE record_id = $1',
    [recordId],
  );
  return row?.name;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

describe('setup of the ledger', () => {
  test('can be printed, run twice without a change, and taken back', async () => {
    await using database = await testDatabase();
    const store = postgresReceiptStore({ connection: database.url });
    try {
      const printed = await store.setup({ dryRun: true, signal });
      expect(await objects(database)).toEqual([]);
      for (const sql of printed) await database.query(sql);
      const made = await objects(database);
      expect(made.length).toBeGreaterThan(10);
      expect(await store.setup({ signal })).toEqual(printed);
      expect(await objects(database)).toEqual(made);
      await store.store([receipt('a')], { signal });
      await store.teardown({ signal });
      expect(await objects(database)).toEqual([]);
    } finally {
      await store.close();
    }
  });

  test('a receipt of any time has its place; partitions are made ahead, and take over from the default one', async () => {
    await using database = await testDatabase();
    const store = postgresReceiptStore({ connection: database.url, partition: 'day' });
    try {
      await store.setup({ signal });
      const now = Date.now();
      await store.store(
        [0, 1, 2, 3, -1, -400].map((days) =>
          receipt(String(days), { acceptedAt: iso(now + days * DAY_MS) }),
        ),
        { signal },
      );
      expect(await partitionOf(database, '0')).toMatch(/receipts_\d{8}$/);
      expect(await partitionOf(database, '-1')).toMatch(/receipts_\d{8}$/);
      expect(await partitionOf(database, '-400')).toBe('certyo.receipts_default');
      expect(await partitionOf(database, '3')).toBe('certyo.receipts_default');
      // As on the days that follow.
      expect(await store.maintain({ signal })).toEqual([]);
      const function_ = await database.query<{ body: string }>(
        "SELECT pg_get_functiondef('certyo.maintain_receipts'::regproc) AS body",
      );
      const tomorrow = (function_[0]?.body ?? '').replaceAll('now()', `(now() + interval '1 day')`);
      await database.query(tomorrow);
      expect(await store.maintain({ signal })).toEqual([
        expect.stringMatching(/^\+receipts_\d{8}$/),
      ]);
      expect(await partitionOf(database, '3')).toMatch(/receipts_\d{8}$/);
      expect(await store.find([receipt('3'), receipt('-400')], { signal })).not.toContain(null);
    } finally {
      await store.close();
    }
  });

  test('beyond the retention whole partitions go, but none in which something is pending', async () => {
    await using database = await testDatabase();
    const forever = postgresReceiptStore({ connection: database.url, partition: 'day' });
    const store = postgresReceiptStore({
      connection: database.url,
      partition: 'day',
      retentionDays: 10,
    });
    try {
      await forever.setup({ signal });
      await database.query(
        `DO $$ DECLARE day date; BEGIN
           FOR day IN SELECT d::date FROM generate_series(now() - interval '20 days', now() - interval '5 days', '1 day') AS d LOOP
             EXECUTE format('CREATE TABLE certyo.%I PARTITION OF certyo.receipts FOR VALUES FROM (%L) TO (%L)',
               'receipts_old_' || day, day, day + 1);
             INSERT INTO certyo.receipt_partitions VALUES ('receipts_old_' || day, day, day + 1);
           END LOOP; END $$`,
      );
      const now = Date.now();
      const ages = [19, 18, 17, 6, 500];
      await forever.store(
        ages.map((age) => receipt(String(age), { acceptedAt: iso(now - age * DAY_MS) })),
        { signal },
      );
      await database.query(
        "UPDATE certyo.receipts SET state = 'anchored' WHERE record_id IN ('19', '17', '500')",
      );
      expect(await forever.maintain({ signal })).toEqual([]);
      await store.setup({ signal });
      const left = await database.query<{ id: string }>(
        'SELECT record_id AS id FROM certyo.receipts ORDER BY accepted_at',
      );
      expect(left.map(({ id }) => id)).toEqual(['18', '6']);
      await database.query("UPDATE certyo.receipts SET state = 'anchored' WHERE record_id = '18'");
      expect(await store.maintain({ signal })).toEqual([
        expect.stringMatching(/^-receipts_old_/) as string,
      ]);
    } finally {
      await forever.close();
      await store.close();
    }
  });

  test('least privilege: who stores and who verifies can neither change nor remove what a receipt says', async () => {
    await using database = await testDatabase();
    const owner = postgresReceiptStore({ connection: database.url });
    const roles = ['sink', 'verifier'].map((name) => `${name}_${database.database}`);
    const [sinkRole = '', verifierRole = ''] = roles;
    const urlOf = (role: string): string => {
      const url = new URL(database.url);
      url.username = role;
      return url.href;
    };
    const sink = postgresReceiptStore({ connection: urlOf(sinkRole) });
    const verifier = postgresReceiptStore({ connection: urlOf(verifierRole) });
    try {
      await owner.setup({ signal });
      for (const role of roles) await database.query(`CREATE ROLE ${role} LOGIN`);
      await expect(sink.store([receipt('a')], { signal })).rejects.toMatchObject({
        retryable: false,
        remedy: expect.stringContaining('GRANT SELECT, INSERT') as string,
      });
      for (const sql of receiptGrantSql(sinkRole)) await database.query(sql);
      for (const sql of verifierGrantSql(verifierRole)) await database.query(sql);
      await sink.store([receipt('a')], { signal });
      await sink.store([receipt('a', { replayed: true })], { signal });
      for (let n = 0; n < 2; n += 1) {
        await sink.addSendMark('p', '2026-01-01T00:00:00.000000Z', { signal });
      }
      expect(await sink.latest([receipt('a')], { signal })).not.toContain(null);
      await sink.maintain({ signal });
      await verifier.maintain({ signal });
      expect(await verifier.summary({ signal })).toMatchObject({ pending: 1 });
      expect(await verifier.requeueFailed({ limit: 5, signal })).toBe(0);
      const forbidden = [
        'DELETE FROM certyo.receipts',
        'TRUNCATE certyo.receipts',
        "UPDATE certyo.receipts SET fingerprint = 'x'",
        "UPDATE certyo.receipts SET record_hash = 'x'",
      ];
      for (const role of roles) {
        for (const sql of forbidden) {
          const attempt = database.query(`SET ROLE ${role}; ${sql}`);
          await expect(attempt).rejects.toMatchObject({ code: '42501' });
          await database.query('RESET ROLE');
        }
      }
    } finally {
      await Promise.all([owner.close(), sink.close(), verifier.close()]);
      for (const role of roles) await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
