import { testDatabase } from '@certyo-cdc/testing/vitest';
import { describe, expect, test } from 'vitest';
import { CAPTURES, writeBackRig } from './support/write-back-rig.ts';

describe('write-back', () => {
  test.each(CAPTURES)(
    'I10, V-01 to V-06: %s: statuses in columns and side table, and no change of them',
    async (capture) => {
      await using db = await testDatabase();
      if (capture === 'replication origin' && db.major < 16) return;
      const note = capture === 'replication fingerprint' ? 'numeric(8,2)' : 'text';
      await db.query(`CREATE TABLE public.orders (id bigint PRIMARY KEY, note ${note})`);
      if (capture === 'replication full') {
        await db.query('ALTER TABLE public.orders REPLICA IDENTITY FULL');
      }
      await using it = await writeBackRig(db, { capture });
      await db.query(
        "INSERT INTO public.orders SELECT i, '1.00' FROM generate_series(1, 400) AS i",
      );
      await it.pipeline.caughtUp();
      await db.query("UPDATE public.orders SET note = '2.00' WHERE id <= 50");
      await it.settle();
      await db.query("UPDATE public.orders SET note = '3.00' WHERE id BETWEEN 51 AND 60");
      await db.query('DELETE FROM public.orders WHERE id > 390');
      await it.settle();
      const versions = 400 + 50 + 10 + 10;
      expect(it.emulator.records()).toHaveLength(versions);
      if (capture !== 'replication fingerprint') {
        expect(it.pipeline.status().received).toBe(versions);
      }
      const [row] = await db.query<Record<string, number>>(
        `SELECT count(*)::int AS rows, count(certyo_record_hash)::int AS hashes, count(certyo_verified_at)::int AS times,
           (count(*) FILTER (WHERE certyo_anchor_status = 'anchored'))::int AS anchored,
           (count(*) FILTER (WHERE s.record_hash = o.certyo_record_hash AND s.status = 'anchored'))::int AS same
         FROM public.orders o LEFT JOIN certyo.row_status s ON s.collection = 'public.orders' AND s.record_id = o.id::text`,
      );
      expect(row).toEqual({ rows: 390, hashes: 390, times: 390, anchored: 390, same: 390 });
      const [side] = await db.query<Record<string, number>>(
        "SELECT count(*)::int AS all, (count(*) FILTER (WHERE operation = 'delete'))::int AS deleted FROM certyo.row_status",
      );
      expect(side).toEqual({ all: 400, deleted: 10 });
    },
  );

  test.each(['polling', 'listen-notify', 'replication full'] as const)(
    'V-05: %s: columns with other names are left out by their fingerprints',
    async (capture) => {
      await using db = await testDatabase();
      await db.query(
        'CREATE TABLE public.orders (id bigint PRIMARY KEY, note text); ALTER TABLE public.orders REPLICA IDENTITY FULL',
      );
      const columns = { status: 'state', recordHash: 'proof', verifiedAt: 'proved_at' };
      await using it = await writeBackRig(db, {
        capture,
        writeBack: { columns },
        sink: { skipUnchanged: 'all', statusColumns: Object.values(columns) },
      });
      await db.query("INSERT INTO public.orders SELECT i, 'a' FROM generate_series(1, 60) AS i");
      await it.settle();
      await db.query("UPDATE public.orders SET note = 'b' WHERE id <= 20");
      await it.settle();
      expect(it.emulator.records()).toHaveLength(80);
      const rows = await db.query('SELECT DISTINCT state FROM public.orders');
      expect(rows).toEqual([{ state: 'anchored' }]);
    },
  );

  test('V-13: set wrong, so that what is written comes back, it stops and says why', async () => {
    await using db = await testDatabase();
    if (db.major < 16) return;
    await db.query('CREATE TABLE public.orders (id bigint PRIMARY KEY, note text)');
    // The source leaves out no origin.
    await using it = await writeBackRig(db, {
      capture: 'replication fingerprint',
      writeBack: { source: { kind: 'replication', origin: 'none' } },
      sink: { skipUnchanged: false },
    });
    await db.query("INSERT INTO public.orders SELECT i, 'a' FROM generate_series(1, 50) AS i");
    expect(await it.writeBack.closed).toMatchObject({
      code: 'WRITE_BACK_LOOP',
      message: expect.stringContaining('comes back as changes') as string,
      remedy: expect.stringContaining("skipUnchanged: 'all'") as string,
    });
    expect(it.writeBack.status().state).toBe('failed');
    await it.pipeline.caughtUp();
    // Once each, not again and again.
    expect(it.emulator.records().length).toBeLessThanOrEqual(100);
  });
});
