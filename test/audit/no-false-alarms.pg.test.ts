import { recordMapper } from '@certyo-cdc/core';
import type { AuditState, AuditStateStore } from '@certyo-cdc/verification';
import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { found } from './rig.ts';

describe('what an audit must not say', () => {
  test('soft-deleted rows after a column was added', async () => {
    await using rig = await auditRig({ rows: 20 });
    await rig.db.query('CREATE TABLE public.saved AS SELECT * FROM public.orders WHERE id = 5');
    await rig.db.query('DELETE FROM public.orders WHERE id = 5');
    await rig.pipeline.caughtUp();
    await rig.unseen('INSERT INTO public.orders SELECT * FROM public.saved');
    await rig.db.query("ALTER TABLE public.orders ADD COLUMN region text DEFAULT 'north'");
    const tables = [{ table: 'public.orders', softDelete: true }];
    expect(await rig.run({ tables })).toMatchObject({ exceptions: [], verdict: 'passed' });
    await rig.unseen("UPDATE public.orders SET customer = 'thief' WHERE id = 5");
    expect(found(await rig.run({ tables }))).toEqual(['missing-record 5']);
    expect(found(await rig.run())).toEqual(['missing-record 5']);
  });

  test('a row that a rule skips now, whose record a mapping names, is told with doubt', async () => {
    const mapper = recordMapper({
      'public.orders': {
        recordId: (row) => `order/${String(row['id'])}`,
        skip: (row) => row['state'] === 'draft',
      },
    });
    await using rig = await auditRig({ rows: 20, sink: { mapper } });
    await rig.db.query("UPDATE public.orders SET state = 'draft' WHERE id = 5");
    await rig.pipeline.caughtUp();
    await rig.unseen('DELETE FROM public.orders WHERE id = 6');
    const report = await rig.run();
    // Which one of the two is there and left out nobody can tell, and that is said.
    expect(found(report)).toEqual(['missing-row order/5', 'missing-row order/6']);
    for (const { reason } of report.exceptions) expect(reason).toContain('no record is made of');
    // Nor of rows that a condition leaves out.
    const some = [{ table: 'public.orders', where: "state <> 'draft' AND id <> 7" }];
    const part = await rig.run({ tables: some });
    expect(found(part)).toEqual([5, 6, 7].map((id) => `missing-row order/${String(id)}`));
    for (const { reason } of part.exceptions) expect(reason).toContain('no record is made of');
  });

  test('rows that are gone, all of them, whose records a mapping names: no other record is sent', async () => {
    const mapper = recordMapper({
      'public.orders': { recordId: (row) => `order/${String(row['id'])}` },
    });
    const statements = ['ALTER TABLE public.orders ALTER COLUMN id TYPE text'];
    await using rig = await auditRig({ rows: 20, statements, sink: { mapper } });
    await rig.unseen('DELETE FROM public.orders');
    const audit = rig.audit();
    const report = await audit.run();
    expect(report.totals.exceptions['missing-row']).toBe(20);
    const before = rig.emulator.records().length;
    expect(await audit.reconcile(report)).toEqual({ sent: 0, alreadyRight: 0, left: 20 });
    expect(rig.emulator.records()).toHaveLength(before);
  });

  test('rows that cannot be made into a record count once, also when the audit goes on later', async () => {
    const mapper = recordMapper({
      'public.orders': {
        payload: (row) => {
          if (row['state'] === 'broken') throw new Error('no payload');
          return { total: row['total'] ?? null };
        },
      },
    });
    await using rig = await auditRig({ rows: 400, sink: { mapper } });
    await rig.unseen("UPDATE public.orders SET state = 'broken' WHERE id IN (3, 390)");
    const expected = { totals: { rows: 400, unchanged: 398, notComparable: 2 } };
    const whole = await rig.run();
    expect(whole).toMatchObject(expected);
    expect(whole.tables[0]?.notComparable).toMatchObject([{ rows: 2 }]);
    let kept: AuditState | null = null;
    const stop = new AbortController();
    const state: AuditStateStore = {
      load: () => Promise.resolve(structuredClone(kept)),
      save: async (now) => {
        kept = structuredClone(now);
      },
    };
    const interrupted = rig.audit({
      state,
      chunkRows: 50,
      workers: 1,
      onEvent: (event) => {
        if (event.type === 'audit-progress' && event.done >= 100) stop.abort(new Error('stop'));
      },
    });
    await expect(interrupted.run({ signal: stop.signal })).rejects.toThrow('stop');
    expect(kept).not.toBeNull();
    const report = await rig.run({ state, chunkRows: 50 });
    expect(report.snapshots).toHaveLength(2);
    expect(report).toMatchObject(expected);
    expect(report.tables[0]?.notComparable).toEqual(whole.tables[0]?.notComparable);
  });

  test('keys of many types, and odd names', async () => {
    await using rig = await auditRig({
      rows: 0,
      source: 'replication',
      statements: [
        'DROP TABLE public.orders',
        `CREATE TYPE public."mo od" AS ENUM ('b', 'a', 'it''s')`,
        `CREATE DOMAIN public."d ""x" AS text`,
        `CREATE TABLE public.orders (id int, customer text, total numeric(12,2), state text, placed timestamptz, "k""1" public."mo od", "k 2" char(5), k3 numeric(20,5), k4 timestamptz, k5 bytea,
           k6 uuid, k7 public."d ""x", k8 float8, k9 interval, k11 "char", k12 bit(3), k13 date, k14 money, k15 jsonb, k16 inet, k17 name, c0 text default '$1 %s', k0 text default 'x', number int default 3,
           PRIMARY KEY ("k""1", "k 2", k3, k4, k5, k6, k7, k8, k9, k11, k12, k13, k14, k15, k16, k17))`,
        'ALTER TABLE public.orders REPLICA IDENTITY FULL',
      ],
    });
    await rig.db
      .query(`INSERT INTO public.orders (customer, "k""1", "k 2", k3, k4, k5, k6, k7, k8, k9, k11, k12, k13, k14, k15, k16, k17)
      SELECT 'c' || i, (ARRAY['b','a','it''s'])[1 + i % 3]::public."mo od", (ARRAY['ab', 'a\\b', ''])[1 + i % 3], i / 7.0, now() - i * interval '1 day 3.3 s', decode(lpad(to_hex(i), 8, '0'), 'hex'),
      gen_random_uuid(), 'it''s "' || i, (ARRAY['NaN', 'Infinity', '-0', '1e-7', '0.1'])[1 + i % 5]::float8, i * interval '1 month 1.5 s', (ARRAY['a', '', '\\'])[1 + i % 3]::"char", (i % 8)::bit(3),
      (ARRAY['infinity', '0044-03-15 BC', '2024-02-29'])[1 + i % 3]::date, (i * -1.5)::numeric::money, jsonb_build_object('b', i, 'aa', '€"\\'), '10.0.0.1/8', 'näme' || i FROM generate_series(1, 60) AS i`);
    await rig.pipeline.caughtUp();
    const report = await rig.run({ chunkRows: 7, workers: 2 });
    expect(report.exceptions).toEqual([]);
    expect(report).toMatchObject({ verdict: 'passed', totals: { rows: 60, unchanged: 60 } });
    await rig.unseen(
      "DELETE FROM public.orders WHERE customer IN ('c7', 'c9')",
      "UPDATE public.orders SET c0 = 'y' WHERE customer = 'c8'",
    );
    const tampered = await rig.run({ chunkRows: 7 });
    expect(tampered.exceptions.map(({ kind, key }) => [kind, key?.length])).toEqual([
      ['changed', 16],
      ['missing-row', 16],
      ['missing-row', 16],
    ]);
    expect((await rig.audit().reconcile(tampered)).sent).toBe(3);
    expect(await rig.run()).toMatchObject({ verdict: 'passed' });
  });
});
