import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { found } from './rig.ts';

const SEED_ROWS = 3_000;
/** Of a writer: a pipeline on a busy machine has to keep up, or catching up takes ever longer. */
const PAUSE_MS = 20;

describe('an audit while rows are written', () => {
  test.each(['listen-notify', 'replication'] as const)(
    '%s: reports what was tampered with and nothing of what is under way',
    async (source) => {
      await using rig = await auditRig({ source, rows: SEED_ROWS });
      // What the ledger says is changed, which for an audit is the same as a changed row.
      await rig.db.query(
        "UPDATE certyo.receipts SET fingerprint = decode(repeat('ab', 32), 'hex') WHERE record_id IN ('7', '2900')",
      );
      await rig.db.query("DELETE FROM certyo.receipts WHERE record_id = '11'");
      const stop = new AbortController();
      let next = 10_000;
      const write = async (): Promise<void> => {
        const client = await rig.db.client();
        while (!stop.signal.aborted) {
          next += 1;
          await client.query("INSERT INTO public.orders VALUES ($1, 'new', 1, 'new', now())", [
            next,
          ]);
          // Hot rows, other rows, deletes, and keys that move.
          await client.query('UPDATE public.orders SET total = total + 1 WHERE id IN (1, 2)');
          await client.query("UPDATE public.orders SET state = state || '.' WHERE id = $1", [
            100 + (next % 500),
          ]);
          await client.query('DELETE FROM public.orders WHERE id = $1', [next - 5]);
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          await client.query('UPDATE public.orders SET id = id + 1000000 WHERE id = $1', [
            next - 2,
          ]);
        }
        await client.end();
      };
      const writers = [write(), write()];
      try {
        const catchUp = source === 'replication' ? slotOf(rig.db.url) : rig.pipeline;
        const report = await rig.run({ chunkRows: 200, catchUp });
        expect(found(report)).toEqual(['changed 7', 'changed 2900', 'missing-record 11'].sort());
        expect(report.totals.unsettled).toBe(0);
        expect(report.totals.rows).toBeGreaterThanOrEqual(SEED_ROWS);
        expect(next).toBeGreaterThan(10_010);
      } finally {
        stop.abort();
        await Promise.all(writers);
      }
    },
  );

  test('what a pipeline has not delivered yet is no exception', async () => {
    await using rig = await auditRig({ rows: 500 });
    await rig.pipeline.drain();
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id <= 50");
    const late = await rig.run({ catchUp: { waitMs: 0 } });
    expect(late.totals.exceptions.changed).toBe(50);
    expect(late.settledBy).toBe('time');
  });
});

function slotOf(url: string): { readonly slot: string } {
  return { slot: new URL(url).pathname.slice(1) };
}
