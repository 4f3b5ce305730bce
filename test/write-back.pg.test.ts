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
});
