import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { found } from './rig.ts';

const TAMPER = [
  "UPDATE public.orders SET customer = 'thief' WHERE id = 7",
  'DELETE FROM public.orders WHERE id = 8',
] as const;

describe('an audit under the schema that receipts were made with', () => {
  test('a column that was added with a default changes every row and none is reported', async () => {
    await using rig = await auditRig({ rows: 500 });
    await rig.db.query("ALTER TABLE public.orders ADD COLUMN region text DEFAULT 'north'");
    await rig.db.query("INSERT INTO public.orders VALUES (9000, 'late', 1, 'new', now(), 'south')");
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(report).toMatchObject({ verdict: 'passed', exceptions: [] });
    expect(report.totals).toMatchObject({ rows: 501, unchanged: 501, partlyShown: 500 });
    await rig.unseen(...TAMPER, "UPDATE public.orders SET region = 'west' WHERE id = 9000");
    expect(found(await rig.run())).toEqual(['changed 7', 'changed 9000', 'missing-row 8']);
  });

  test('a renamed column is found again by what it holds', async () => {
    await using rig = await auditRig({
      rows: 500,
      // A column that is gone already: a rename has to be proved.
      statements: [
        'ALTER TABLE public.orders ADD COLUMN old text, ADD COLUMN note text',
        'ALTER TABLE public.orders DROP COLUMN old',
      ],
    });
    await rig.db.query('ALTER TABLE public.orders RENAME COLUMN customer TO client');
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(report).toMatchObject({ verdict: 'passed', exceptions: [] });
    expect(report.totals.unchanged).toBe(500);
    await rig.unseen("UPDATE public.orders SET client = 'thief' WHERE id = 7");
    expect(found(await rig.run())).toEqual(['changed 7']);
  });

  test('a renamed key', async () => {
    await using rig = await auditRig({ rows: 300 });
    await rig.db.query('ALTER TABLE public.orders RENAME COLUMN id TO number');
    await rig.pipeline.caughtUp();
    expect(await rig.run()).toMatchObject({ verdict: 'passed', exceptions: [] });
    await rig.unseen("UPDATE public.orders SET customer = 'thief' WHERE number = 7");
    expect(found(await rig.run())).toEqual(['changed 7']);
  });

  test('rows whose records hold a dropped column are not comparable, and not reported', async () => {
    await using rig = await auditRig({ rows: 300 });
    await rig.db.query('ALTER TABLE public.orders DROP COLUMN state');
    await rig.db.query("UPDATE public.orders SET customer = 'new' WHERE id <= 100");
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(report).toMatchObject({ verdict: 'incomplete', exceptions: [] });
    expect(report.totals).toMatchObject({ unchanged: 100, notComparable: 200 });
    expect(report.tables[0]?.notComparable).toEqual([
      { reason: '"state" is no column any more', rows: 200 },
    ]);
    await rig.unseen(...TAMPER, 'DELETE FROM public.orders WHERE id = 250');
    // What was recorded since is compared; what is gone is gone under any columns.
    expect(found(await rig.run())).toEqual(['changed 7', 'missing-row 250', 'missing-row 8']);
  });

  test('a column that took the place of a dropped one is not taken for it', async () => {
    await using rig = await auditRig({ rows: 300 });
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id > 290");
    await rig.pipeline.caughtUp();
    await rig.db.query('ALTER TABLE public.orders DROP COLUMN state');
    // Most rows look as if it had been renamed.
    await rig.db.query("ALTER TABLE public.orders ADD COLUMN status text DEFAULT 'new'");
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(report).toMatchObject({ verdict: 'incomplete', exceptions: [] });
    expect(report.totals).toMatchObject({ unchanged: 290, notComparable: 10 });
  });

  test('another type: integers and texts are compared, others where they look the same', async () => {
    await using rig = await auditRig({
      rows: 300,
      statements: ['ALTER TABLE public.orders ADD COLUMN count int DEFAULT 3'],
    });
    await rig.db.query('ALTER TABLE public.orders ALTER COLUMN count TYPE bigint');
    await rig.db.query('ALTER TABLE public.orders ALTER COLUMN customer TYPE varchar(40)');
    await rig.pipeline.caughtUp();
    expect(await rig.run()).toMatchObject({ verdict: 'passed', exceptions: [] });
    await rig.db.query('ALTER TABLE public.orders ALTER COLUMN total TYPE numeric(14,4)');
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(report).toMatchObject({ verdict: 'incomplete', exceptions: [] });
    expect(report.totals.notComparable).toBe(300);
  });
});

describe('an audit that asks Certyo about all', () => {
  test('asks with the payload that was recorded, whatever columns the table has now', async () => {
    // Not as canonical JSON would sort the members of the value.
    const document = `ALTER TABLE public.orders ADD COLUMN document json DEFAULT '{"b": 1, "a": {"d": 2, "c": 3}}'`;
    await using rig = await auditRig({ rows: 20, statements: [document] });
    await rig.anchor();
    await rig.db.query("ALTER TABLE public.orders ADD COLUMN region text DEFAULT 'north'");
    await rig.db.query('ALTER TABLE public.orders RENAME COLUMN customer TO client');
    await rig.pipeline.caughtUp();
    const asking = { client: rig.client, verify: 'all', maxRequestsPerSecond: false } as const;
    const report = await rig.run(asking);
    expect(found(report)).toEqual([]);
    expect(report).toMatchObject({
      verdict: 'passed',
      certyo: { asked: 20, verified: 20, notVerified: 0, unanswered: 0 },
    });
    // A receipt that was written to match: only Certyo can tell.
    await rig.unseen("UPDATE public.orders SET client = 'thief' WHERE id = 7");
    const [exception] = (await rig.run()).exceptions;
    const now = exception?.foundFingerprint ?? '';
    await rig.db.query(
      `UPDATE certyo.receipts SET fingerprint = decode($1, 'hex'), table_id = (SELECT max(id) FROM certyo.receipt_tables) WHERE record_id = '7'`,
      [now],
    );
    const forged = await rig.run(asking);
    expect(forged.exceptions).toMatchObject([
      { kind: 'changed', recordId: '7', certyo: { verified: false, reason: 'payload_mismatch' } },
    ]);
    expect(forged.certyo).toEqual({ asked: 20, verified: 19, notVerified: 1, unanswered: 0 });
    // For the ledger it is right, so that nothing of it would be sent; right it is not.
    const before = rig.emulator.records().length;
    expect(await rig.audit(asking).reconcile(forged)).toEqual({
      sent: 0,
      alreadyRight: 0,
      left: 1,
    });
    expect(rig.emulator.records()).toHaveLength(before);
  });
});
