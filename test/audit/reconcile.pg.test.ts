import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { found } from './rig.ts';

describe('what an audit does about exceptions', () => {
  test('reconcile sends what is missing, once, and the next audit passes', async () => {
    await using rig = await auditRig({ rows: 500 });
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id = 105");
    await rig.pipeline.caughtUp();
    await rig.unseen(
      "UPDATE public.orders SET customer = 'other' WHERE id = 7",
      'DELETE FROM public.orders WHERE id = 8',
      "INSERT INTO public.orders VALUES (90001, 'nobody', 1, 'new', now())",
      "UPDATE public.orders SET state = 'new' WHERE id = 105",
    );
    const audit = rig.audit();
    const report = await audit.run();
    expect(found(report)).toHaveLength(4);
    // It has gone meanwhile.
    await rig.unseen('DELETE FROM public.orders WHERE id = 90001');
    const before = rig.emulator.records().length;
    expect(await audit.reconcile(report)).toEqual({ sent: 3, alreadyRight: 1, left: 0 });
    expect(rig.emulator.records()).toHaveLength(before + 3);
    expect(await audit.run()).toMatchObject({ verdict: 'passed' });
    expect(await audit.reconcile(report)).toEqual({ sent: 0, alreadyRight: 4, left: 0 });
    const history = await rig.receipts.history(
      { database: rig.db.database, collection: 'public.orders', recordId: '8' },
      { signal: new AbortController().signal },
    );
    expect(history.map(({ operationType }) => operationType)).toEqual(['insert', 'delete']);
  });

  test('a row that is there although its table was emptied since its newest record', async () => {
    await using rig = await auditRig({ rows: 20 });
    await rig.db.query('TRUNCATE public.orders');
    await rig.pipeline.caughtUp();
    await rig.unseen("INSERT INTO public.orders VALUES (5, 'customer 5', 6.25, 'new', now())");
    const audit = rig.audit();
    const report = await audit.run();
    expect(found(report)).toEqual(['missing-record 5']);
    expect(await audit.reconcile(report)).toEqual({ sent: 1, alreadyRight: 0, left: 0 });
    expect(found(await audit.run())).toEqual([]);
    expect(await audit.reconcile(report)).toEqual({ sent: 0, alreadyRight: 1, left: 0 });
  });

  test('Certyo is asked, columns and values are told where the payloads are kept', async () => {
    await using rig = await auditRig({ rows: 60 });
    await rig.anchor();
    await rig.unseen("UPDATE public.orders SET customer = 'thief', total = 9 WHERE id = 7");
    await rig.db.query("DELETE FROM certyo.receipts WHERE record_id = '10'");
    const options = {
      client: rig.client,
      maxRequestsPerSecond: false,
      recordedPayload: async ({
        recordId,
        recordVersion,
      }: {
        recordId: string;
        recordVersion: string;
      }) =>
        rig.emulator
          .records({ collection: 'public.orders', recordId })
          .find((record) => record.recordVersion === recordVersion)?.payload ?? null,
    } as const;
    const report = await rig.run(options);
    expect(report.exceptions).toMatchObject([
      {
        kind: 'changed',
        recordId: '7',
        columns: ['customer', 'total'],
        values: null,
        certyo: { verified: false, reason: 'payload_mismatch' },
      },
      // The receipt is gone, and Certyo has the row.
      { kind: 'missing-record', recordId: '10', certyo: { verified: true, anchored: true } },
    ]);
    expect(report.certyo).toEqual({ asked: 2, verified: 1, notVerified: 1, unanswered: 0 });
    expect(JSON.stringify(report)).not.toContain('thief');
    const full = await rig.run({ ...options, verify: 'all', values: true });
    expect(full.certyo).toMatchObject({ asked: 60, verified: 59, notVerified: 1 });
    expect(full.exceptions.find(({ recordId }) => recordId === '7')?.values).toEqual({
      customer: { recorded: '"customer 7"', found: '"thief"' },
      total: { recorded: '"8.75"', found: '"9.00"' },
    });
  });
});
