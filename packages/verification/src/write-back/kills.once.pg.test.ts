import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { KillingPool } from '../testing/killing-pool.ts';
import { writtenBack } from '../testing/written-back.ts';
import { createWriteBack } from './create-write-back.ts';

const { signal } = new AbortController();

describe('write-back, killed in the middle', () => {
  test.each(['before', 'after'] as const)(
    'V-09: %s every statement: what is left is written by the next one, and nothing onto newer content',
    async (phase) => {
      await using it = await writtenBack();
      const successor = await it.make({ batchSize: 2 });
      let ended = false;
      let kills = 0;
      for (let at = 1; !ended; at += 1) {
        const ids = [1, 2, 3].map((place) => at * 10 + place);
        const [first = 0, second = 0, third = 0] = ids;
        await it.database.query(`INSERT INTO items SELECT i, 'a' FROM unnest($1::int[]) AS i`, [
          ids,
        ]);
        const since = new Date();
        await it.store(ids.map((id) => ({ recordId: String(id), payload: { id, note: 'a' } })));
        await successor.redrive({ since, signal });
        const pool = new KillingPool(it.database, at, phase);
        const victim = createWriteBack({
          receipts: postgresReceiptStore({ pool }),
          pool,
          into: 'both',
          tables: ['public.items'],
          source: 'replication',
          batchSize: 2,
        });
        await victim.runOnce().catch((error: unknown) => {
          if (!pool.isDead) throw error;
        });
        await victim.stop();
        ended = !pool.isDead;
        kills += ended ? 0 : 1;
        await it.database.query(`UPDATE items SET note = 'newer' WHERE id = $1`, [second]);
        await successor.runOnce();
        expect(await successor.backlog({ signal })).toEqual({ queued: 0, due: 0 });
        expect(await it.statuses(), `${phase} statement ${String(at)}`).toMatchObject({
          [first]: 'anchored',
          [second]: 'pending',
          [third]: 'anchored',
        });
        await it.database.query('DELETE FROM items');
        const [side] = await it.database.query<{ count: string }>(
          "SELECT count(*) FROM certyo.row_status WHERE status = 'anchored'",
        );
        expect(side?.count).toBe(String(at * 3));
      }
      expect(kills).toBeGreaterThan(20);
    },
  );
});
