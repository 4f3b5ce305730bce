import { createCertyoClient } from '@certyo-cdc/core';
import { startCertyoEmulator } from '@certyo-cdc/testing';
import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';

import { createRowVerifier } from './create-row-verifier.ts';

const { signal } = new AbortController();
const IDS = Array.from({ length: 25 }, (_, index) => index);

describe('createRowVerifier', () => {
  test('without a ledger: rows that Certyo has on the chain as they are get their status, no others', async () => {
    await using database = await testDatabase();
    await using emulator = await startCertyoEmulator({ batchCount: 20 });
    await database.query(
      `CREATE TABLE public.products (id int PRIMARY KEY, name text);
       INSERT INTO products SELECT i, 'p' || i FROM generate_series(0, 24) AS i;
       ALTER TABLE products ADD COLUMN certyo_record_hash text, ADD COLUMN certyo_anchor_status text DEFAULT 'pending', ADD COLUMN certyo_verified_at timestamptz`,
    );
    const client = createCertyoClient({ env: { ...emulator.environment } });
    for (const id of IDS) {
      await client.ingestRecord({
        database: database.database,
        collection: 'public.products',
        recordId: String(id),
        recordPayload: { id, name: `p${String(id)}` },
      });
    }
    await using rows = createRowVerifier({
      client,
      connection: database.url,
      tables: ['public.products'],
      source: 'listen-notify',
      batchSize: 10,
      maxRequestsPerSecond: false,
      intervalMs: 10,
    });
    expect((await rows.setup({ dryRun: true, signal })).join()).not.toContain('ADD COLUMN');
    await rows.setup({ signal });
    expect(await rows.plan({ signal })).toMatchObject([{ protection: 'source' }]);
    // The first twenty are in a batch that is on the chain; the others wait.
    emulator.clock.advance(16_000);
    await database.query(`UPDATE products SET name = 'other' WHERE id = 3`);
    await database.query('DELETE FROM products WHERE id = 4');
    expect(await rows.runOnce()).toMatchObject({
      looked: 24,
      written: 18,
      pending: 5,
      different: 1,
      requests: 24,
    });
    const [row] = await database.query<Record<string, string>>(
      'SELECT * FROM products WHERE id = 7',
    );
    const effect = emulator.records({ recordId: '7' })[0];
    expect(row).toMatchObject({
      certyo_anchor_status: 'anchored',
      certyo_record_hash: effect?.recordHash,
    });
    // Those that are not anchored yet never stand in the way.
    await rows.start();
    emulator.clock.advance(61_000);
    emulator.clock.advance(16_000);
    await expect
      .poll(async () => {
        const [left] = await database.query<{ ids: number[] }>(
          `SELECT array_agg(id ORDER BY id) AS ids FROM products WHERE certyo_anchor_status <> 'anchored'`,
        );
        return left?.ids;
      })
      .toEqual([3]);
    await rows.drain();
    expect(rows.status()).toMatchObject({ state: 'stopped', error: null });
    await rows.teardown({ signal });
    await client.close();
  });

  test('a row that changes while it is asked about keeps what it has', async () => {
    await using database = await testDatabase();
    let onAsked: (() => Promise<unknown>) | null = null;
    await using emulator = await startCertyoEmulator({
      onPhase: async (phase, { path }) => {
        if (phase === 'request-received' && path.includes('verify')) await onAsked?.();
      },
    });
    await database.query('CREATE TABLE public.products (id int PRIMARY KEY, name text)');
    await database.query(`INSERT INTO products VALUES (1, 'a')`);
    const client = createCertyoClient({ env: { ...emulator.environment } });
    await client.ingestRecord({
      database: database.database,
      collection: 'public.products',
      recordId: '1',
      recordPayload: { id: 1, name: 'a' },
    });
    emulator.clock.advance(61_000);
    emulator.clock.advance(16_000);
    await using rows = createRowVerifier({
      client,
      connection: database.url,
      tables: ['public.products'],
      source: 'polling',
    });
    await rows.setup({ signal });
    onAsked = () => database.query(`UPDATE products SET name = 'b'`);
    expect(await rows.runOnce()).toMatchObject({ looked: 1, written: 0, passed: 1 });
    const read = (): Promise<unknown[]> =>
      database.query('SELECT certyo_anchor_status AS s FROM products');
    expect(await read()).toEqual([{ s: 'pending' }]);
    onAsked = null;
    await database.query(`UPDATE products SET name = 'a'`);
    expect(await rows.runOnce()).toMatchObject({ written: 1 });
    expect(await read()).toEqual([{ s: 'anchored' }]);
    await client.close();
  });

  test('V-13: rows of several tables that say the same are no loop', async () => {
    await using database = await testDatabase();
    await using emulator = await startCertyoEmulator();
    const client = createCertyoClient({ env: { ...emulator.environment } });
    const tables = [1, 2, 3, 4, 5, 6, 7].map((n) => `public.shop_${String(n)}`);
    for (const table of tables) {
      await database.query(`CREATE TABLE ${table} (id int PRIMARY KEY, name text)`);
      await database.query(`INSERT INTO ${table} VALUES (1, 'a')`);
      await client.ingestRecord({
        database: database.database,
        collection: table,
        recordId: '1',
        recordPayload: { id: 1, name: 'a' },
      });
    }
    emulator.clock.advance(61_000);
    emulator.clock.advance(16_000);
    await using rows = createRowVerifier({
      client,
      connection: database.url,
      tables,
      source: 'listen-notify',
      maxRequestsPerSecond: false,
    });
    await rows.setup({ signal });
    expect(await rows.runOnce()).toMatchObject({ looked: 7, written: 7 });
    await client.close();
  });

  test('where nothing would keep its statuses from being captured it does not begin', async () => {
    await using database = await testDatabase();
    await using emulator = await startCertyoEmulator();
    await database.query('CREATE TABLE public.products (id int PRIMARY KEY, n int)');
    const client = createCertyoClient({ env: { ...emulator.environment } });
    const rows = createRowVerifier({
      client,
      connection: database.url,
      tables: ['public.products'],
      source: 'replication',
    });
    await rows.setup({ signal });
    await expect(rows.start()).rejects.toMatchObject({
      code: 'WRITE_BACK',
      remedy: expect.stringContaining('REPLICA IDENTITY FULL') as string,
    });
    expect(rows.status().state).toBe('failed');
    await client.close();
  });
});
