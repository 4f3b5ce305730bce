import { auditReportSchema } from '@certyo-cdc/verification';
import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { type AuditRig, found } from './rig.ts';
import { SWITCHABLE } from '../switching/sources.ts';

/** Triggers that are not ALWAYS do not run for a replica. */
async function asReplica({ db }: AuditRig, statement: string): Promise<void> {
  const triggers = await db.query<{ name: string }>(
    "SELECT tgname AS name FROM pg_trigger WHERE tgrelid = 'public.orders'::regclass AND NOT tgisinternal",
  );
  const all = (state: string): string =>
    triggers.map(({ name }) => `ALTER TABLE public.orders ${state} TRIGGER "${name}"`).join('; ');
  const client = await db.client();
  await client.query(`BEGIN; ${all('ENABLE')}`);
  await client.query(`SET LOCAL session_replication_role = 'replica'; ${statement}`);
  await client.query(`${all('ENABLE ALWAYS')}; COMMIT`);
  await client.end();
}

describe('createAudit', () => {
  test.each(SWITCHABLE)('%s: an untouched table passes', async (source) => {
    await using rig = await auditRig({ source });
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id % 3 = 0");
    if (source !== 'polling') await rig.db.query('DELETE FROM public.orders WHERE id % 7 = 0');
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(found(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'passed', settledBy: 'pipeline' });
    expect(report.totals.unchanged).toBe(report.totals.rows);
    expect(auditReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  test('each kind of tampering is found, and nothing else', async () => {
    await using rig = await auditRig({ rows: 3000 });
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id BETWEEN 100 AND 110");
    await rig.db.query('DELETE FROM public.orders WHERE id IN (50, 51)');
    await rig.pipeline.caughtUp();
    await rig.unseen(
      'UPDATE public.orders SET total = total + 1 WHERE id = 7',
      'DELETE FROM public.orders WHERE id = 8',
      "INSERT INTO public.orders VALUES (90001, 'nobody', 1, 'new', now())",
      // As it was before, like a page of a restored backup.
      "UPDATE public.orders SET state = 'new' WHERE id = 105",
      "INSERT INTO public.orders VALUES (50, 'customer 50', 62.5, 'new', now())",
    );
    await asReplica(rig, "UPDATE public.orders SET customer = 'thief' WHERE id = 9");
    await rig.db.query("DELETE FROM certyo.receipts WHERE record_id = '10'");
    await rig.db.query(
      "DELETE FROM certyo.receipts WHERE record_id = '106' AND operation = 'update'",
    );
    const report = await rig.run({ chunkRows: 500 });
    expect(found(report)).toEqual([
      'changed 106',
      'changed 7',
      'changed 9',
      'missing-record 10',
      'missing-record 50',
      'missing-record 90001',
      'missing-row 8',
      'out-of-order 105',
    ]);
    expect(report.verdict).toBe('exceptions');
    expect(report.totals.rows).toBe(2999);
    expect(JSON.stringify(report)).not.toContain('thief');
  });
});
