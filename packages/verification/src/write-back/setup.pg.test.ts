import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { writtenBack } from '../testing/written-back.ts';
import { verifierGrantSql } from '../setup/grants.ts';
import { createWriteBack } from './create-write-back.ts';
import type { WriteBackOptions } from './options.ts';
import { writeBackFollowerGrantSql } from './setup.ts';

const { signal } = new AbortController();

type Database = Awaited<ReturnType<typeof testDatabase>>;

/** Everything that a set-up could change: relations, functions, triggers, columns. */
async function state(database: Database): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `SELECT 'relation ' || oid::regclass || ' ' || oid AS name FROM pg_class WHERE relnamespace IN ('public'::regnamespace, to_regnamespace('certyo'))
     UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = to_regnamespace('certyo')
     UNION ALL SELECT 'trigger ' || tgname || ' ' || oid FROM pg_trigger WHERE NOT tgisinternal
     UNION ALL SELECT 'column ' || attrelid::regclass || ' ' || attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
       AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
     ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

describe('setup of write-back', () => {
  test('can be printed, run twice without a change, and taken back; columns of others stay', async () => {
    await using database = await testDatabase();
    const receipts = postgresReceiptStore({ connection: database.url });
    await receipts.setup({ signal });
    await database.query(
      'CREATE TABLE public."My items" (id int PRIMARY KEY, note text, certyo_record_hash text)',
    );
    const before = await state(database);
    await using writeBack = createWriteBack({
      receipts,
      connection: database.url,
      into: 'both',
      tables: [{ schema: 'public', name: 'My items' }],
      source: 'polling',
    });
    const printed = await writeBack.setup({ dryRun: true, signal });
    expect(await state(database)).toEqual(before);
    for (const sql of printed) await database.query(sql);
    const made = await state(database);
    expect(made).toContain('column "My items" certyo_anchor_status');
    expect(printed.join('\n')).not.toContain('ADD COLUMN IF NOT EXISTS "certyo_record_hash"');
    await writeBack.setup({ signal });
    expect(await state(database)).toEqual(made);
    await writeBack.start();
    await writeBack.drain();
    await writeBack.teardown({ signal });
    expect(await state(database)).toEqual(before);
    await receipts.close();
  });

  test('least privilege: it needs what grantSql prints, and no more', async () => {
    await using it = await writtenBack();
    const owner = await it.make();
    const role = `writer_${it.database.database}`;
    await it.database.query(`CREATE ROLE ${role} LOGIN`);
    const url = new URL(it.database.url);
    url.username = role;
    const receipts = postgresReceiptStore({ connection: url.href });
    try {
      await it.database.query(`INSERT INTO items VALUES (1, 'a')`);
      await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
      await it.queue(owner);
      await using writeBack = createWriteBack({
        receipts,
        connection: url.href,
        into: 'both',
        tables: ['public.items'],
        source: 'replication',
      });
      const error: unknown = await writeBack.runOnce().catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'RECEIPT_STORE', retryable: false });
      expect(String(error)).toContain('write_back_queue');
      const grants = writeBack.grantSql(role);
      const [ledger, rest] = [grants.slice(0, 3), grants.slice(3)];
      for (const sql of ledger) await it.database.query(sql);
      const other: unknown = await writeBack.runOnce().catch((cause: unknown) => cause);
      expect(other).toMatchObject({ code: 'WRITE_BACK', retryable: false });
      expect(String(other)).toContain(
        'GRANT SELECT, UPDATE ("certyo_anchor_status", "certyo_record_hash", "certyo_verified_at")',
      );
      for (const sql of rest) await it.database.query(sql);
      expect(await writeBack.runOnce()).toMatchObject({ written: 1, sideTable: 1 });
      await it.database.query('SET ROLE ' + role);
      await expect(it.database.query(`UPDATE items SET note = 'b'`)).rejects.toThrow('denied');
      await it.database.query('RESET ROLE');
      expect(
        [...verifierGrantSql(role), ...writeBackFollowerGrantSql(role, 'certyo')].length,
      ).toBeGreaterThan(3);
    } finally {
      await receipts.close();
      await it.database.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('what is missing is said at the start, with what to do', async () => {
    await using it = await writtenBack();
    const without = createWriteBack({
      receipts: it.receipts,
      connection: it.database.url,
      into: 'columns',
      tables: ['public.items'],
      source: 'replication',
    });
    await expect(without.start()).rejects.toMatchObject({
      code: 'WRITE_BACK',
      message: expect.stringContaining('certyo_anchor_status') as string,
      remedy: expect.stringContaining('setup()') as string,
    });
    expect(await without.closed).toMatchObject({ code: 'WRITE_BACK' });
    await it.make();
    await it.database.query('ALTER TABLE items DISABLE TRIGGER zzzz_certyo_status');
    const untriggered = createWriteBack({
      receipts: it.receipts,
      connection: it.database.url,
      into: 'columns',
      tables: ['public.items'],
      source: 'replication',
    });
    await expect(untriggered.start()).rejects.toMatchObject({
      code: 'WRITE_BACK',
      message: expect.stringContaining('trigger') as string,
    });
    const reason = new Error('enough');
    const aborted = await it.make();
    await expect(aborted.runOnce({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(aborted.start()).resolves.toBeUndefined();
    await aborted.drain();
    await expect(aborted.runOnce()).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
  });

  test('V-04 to V-07: what keeps it from being captured is chosen by server, table and source', async () => {
    await using it = await writtenBack();
    const plan = async (options: Partial<WriteBackOptions>): Promise<unknown> => {
      const writeBack = await it.make(options);
      return writeBack.plan({ signal }).then(
        ([only]) => only?.protection,
        (error: unknown) => error,
      );
    };
    const named = { columns: { status: 'anchor_status' } };
    expect(await plan({ source: 'replication' })).toBe('source');
    expect(await plan({ source: 'polling' })).toBe('source');
    expect(await plan({ source: 'listen-notify' })).toBe('source');
    expect(await plan({ source: 'other' })).toBe('fingerprint');
    expect(await plan({ source: 'listen-notify', ...named })).toBe('fingerprint');
    expect(await plan({ source: 'polling', ...named })).toBe('fingerprint');
    expect(await plan({ source: 'replication', ...named })).toBe('fingerprint');
    await it.database.query('ALTER TABLE items REPLICA IDENTITY DEFAULT');
    expect(await plan({ source: 'replication' })).toMatchObject({
      code: 'WRITE_BACK',
      remedy: expect.stringContaining('REPLICA IDENTITY FULL') as string,
    });
    await it.database.query(
      'ALTER TABLE items ALTER COLUMN note TYPE int USING 1, DROP COLUMN anchor_status',
    );
    expect(await plan({ source: 'replication' })).toBe('fingerprint');
    if (it.database.major >= 16) {
      expect(await plan({ source: { kind: 'replication', origin: 'none' } })).toBe('origin');
    } else {
      const writeBack = createWriteBack({
        receipts: it.receipts,
        connection: it.database.url,
        into: 'columns',
        tables: ['public.items'],
        source: { kind: 'replication', origin: 'none' },
      });
      await expect(writeBack.plan({ signal })).rejects.toMatchObject({ code: 'WRITE_BACK' });
      await writeBack.stop();
    }
  });

  test('V-04: an origin belongs to one session; the others wait for it', async ({ skip }) => {
    await using it = await writtenBack();
    if (it.database.major < 16) skip('PostgreSQL 16 and newer');
    const source = { kind: 'replication', origin: 'none' } as const;
    const first = await it.make({ source });
    const second = await it.make({ source });
    await it.database.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b')`);
    await it.store([{ recordId: '1', payload: { id: 1, note: 'a' } }]);
    await it.queue(first);
    expect(await first.runOnce()).toMatchObject({ written: 1 });
    await it.store([{ recordId: '2', payload: { id: 2, note: 'b' } }]);
    await it.queue(second);
    await expect(second.runOnce()).rejects.toMatchObject({ code: 'WRITE_BACK', retryable: true });
    await second.start();
    await first.stop();
    await expect.poll(() => it.statuses()).toEqual({ 1: 'anchored', 2: 'anchored' });
    await second.drain();
    const [origin] = await it.database.query<{ made: boolean }>(
      "SELECT EXISTS (SELECT FROM pg_replication_origin WHERE roname = 'certyo_write_back_' || current_database()) AS made",
    );
    expect(origin?.made).toBe(true);
    const third = await it.make({ source });
    await third.teardown({ signal });
  });
});
