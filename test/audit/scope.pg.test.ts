import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordMapper } from '@certyo-cdc/core';
import { auditGrantSql, fileAuditState, postgresReceiptStore } from '@certyo-cdc/verification';
import { describe, expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { found } from './rig.ts';

describe('what an audit covers', () => {
  test('a key range and a condition', async () => {
    await using rig = await auditRig({ rows: 300 });
    await rig.unseen(
      "UPDATE public.orders SET customer = 'thief' WHERE id IN (50, 150, 160)",
      'DELETE FROM public.orders WHERE id IN (51, 151)',
    );
    const range = { table: 'public.orders', from: '100', to: '160' };
    const report = await rig.run({ tables: [range] });
    expect(found(report)).toEqual(['changed 150', 'missing-row 151']);
    expect(report.totals.rows).toBe(59);
    const some = { table: 'public.orders', where: 'id % 2 = 0 AND id < 155' };
    expect(found(await rig.run({ tables: [some] }))).toEqual([
      'changed 150',
      'changed 50',
      'missing-row 151',
      'missing-row 51',
    ]);
  });

  test('a time span', async () => {
    await using rig = await auditRig({ rows: 100 });
    await rig.db.query(
      "UPDATE certyo.receipts SET accepted_at = accepted_at - interval '10 days' WHERE record_id::int <= 60",
    );
    await rig.unseen("UPDATE public.orders SET customer = 'thief' WHERE id IN (10, 90)");
    const day = 86_400_000;
    const since = new Date(Date.now() - day).toISOString();
    const recent = await rig.run({ span: { from: since } });
    expect(found(recent)).toEqual(['changed 90']);
    expect(recent.totals.outsideSpan).toBe(60);
    expect(found(await rig.run({ span: { to: since } }))).toEqual(['changed 10']);
  });

  test('a table that was emptied, and rows since', async () => {
    await using rig = await auditRig({ rows: 100 });
    await rig.db.query('TRUNCATE public.orders');
    await rig.db.query(
      "INSERT INTO public.orders SELECT i, 'again', i, 'new', now() FROM generate_series(1, 20) AS i",
    );
    await rig.pipeline.caughtUp();
    expect(await rig.run()).toMatchObject({ verdict: 'passed', totals: { rows: 20 } });
    await rig.unseen("INSERT INTO public.orders VALUES (50, 'customer 50', 62.5, 'new', now())");
    expect(found(await rig.run())).toEqual(['missing-record 50']);
  });

  test('a row that is there although its newest record is a delete: told, but for soft deletes', async () => {
    await using rig = await auditRig({ rows: 50 });
    await rig.db.query('CREATE TABLE public.saved AS SELECT * FROM public.orders WHERE id = 5');
    await rig.db.query('DELETE FROM public.orders WHERE id = 5');
    await rig.pipeline.caughtUp();
    await rig.unseen('INSERT INTO public.orders SELECT * FROM public.saved');
    const report = await rig.run();
    expect(report.exceptions).toMatchObject([
      { kind: 'missing-record', recordId: '5', recorded: { operation: 'delete' } },
    ]);
    expect(report.exceptions[0]?.equalsVersion).not.toBeNull();
    const tables = [{ table: 'public.orders', softDelete: true }];
    expect(await rig.run({ tables })).toMatchObject({ verdict: 'passed' });
  });

  test('a version that was accepted after a newer one, and one that could not be anchored', async () => {
    await using rig = await auditRig({ rows: 50 });
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id IN (5, 6)");
    await rig.pipeline.caughtUp();
    await rig.db.query(
      "UPDATE certyo.receipts SET accepted_at = accepted_at + interval '1 hour' WHERE record_id = '5' AND operation = 'insert'",
    );
    await rig.db.query("UPDATE certyo.receipts SET state = 'failed' WHERE record_id = '7'");
    expect(found(await rig.run())).toEqual(['not-anchored 7', 'out-of-order 5']);
  });

  test('records that a mapping names, with policies for columns', async () => {
    const mapper = recordMapper({
      'public.orders': {
        recordId: (row) => `order/${String(row['id'])}`,
        payload: (row) => ({ who: row['customer'] ?? null, total: row['total'] ?? null }),
        skip: (row) => row['state'] === 'draft',
      },
    });
    const sink = { mapper, columns: { 'public.orders': { mask: { customer: '***' } } } };
    await using rig = await auditRig({ rows: 200, sink });
    await rig.db.query("INSERT INTO public.orders VALUES (5000, 'x', 1, 'draft', now())");
    await rig.pipeline.caughtUp();
    const report = await rig.run();
    expect(report).toMatchObject({
      verdict: 'passed',
      totals: { rows: 201, unchanged: 200, byRule: 1 },
    });
    await rig.unseen(
      "UPDATE public.orders SET customer = 'masked anyway' WHERE id = 5",
      'UPDATE public.orders SET total = 0 WHERE id = 6',
      'DELETE FROM public.orders WHERE id = 7',
    );
    expect(found(await rig.run())).toEqual(['changed order/6', 'missing-row order/7']);
  });

  test('composite keys, partitions, generated columns, and large values that a change did not show', async () => {
    await using rig = await auditRig({
      rows: 200,
      source: 'replication',
      statements: [
        'DROP TABLE public.orders',
        `CREATE TABLE public.orders (id bigint, customer text, total numeric(12,2), state text, placed timestamptz,
           area text DEFAULT 'a, "b"', doubled numeric GENERATED ALWAYS AS (total * 2) STORED, document text,
           PRIMARY KEY (id, area)) PARTITION BY RANGE (id)`,
        'CREATE TABLE public.orders_1 PARTITION OF public.orders FOR VALUES FROM (0) TO (100)',
        'CREATE TABLE public.orders_2 PARTITION OF public.orders DEFAULT',
        'ALTER TABLE public.orders_1 ALTER COLUMN document SET STORAGE EXTERNAL',
      ],
    });
    await rig.db.query("UPDATE public.orders SET document = repeat('long ', 3000) WHERE id <= 20");
    await rig.db.query("UPDATE public.orders SET state = 'paid' WHERE id <= 10");
    await rig.db.query('DELETE FROM public.orders WHERE id = 199');
    await rig.pipeline.caughtUp();
    const report = await rig.run({ chunkRows: 30 });
    expect(report).toMatchObject({ verdict: 'passed', totals: { rows: 199, unchanged: 199 } });
    expect(report.totals.partlyShown).toBe(10);
    await rig.db.query(
      'UPDATE certyo.receipts SET fingerprint = decode(repeat(\'ab\', 32), \'hex\') WHERE record_id IN (\'["5","a, \\"b\\""]\', \'["15","a, \\"b\\""]\')',
    );
    await rig.db.query("DELETE FROM certyo.receipts WHERE operation = 'delete'");
    const tampered = await rig.run();
    expect(tampered.exceptions.map(({ kind, key }) => [kind, key?.[0]])).toEqual([
      ['changed', '5'],
      ['changed', '15'],
      ['missing-row', '199'],
    ]);
    expect(tampered.exceptions[0]?.key).toEqual(['5', 'a, "b"']);
  });

  test('an audit that was interrupted goes on, and finds the same', async () => {
    await using rig = await auditRig({ rows: 3000 });
    await rig.unseen(
      "UPDATE public.orders SET customer = 'thief' WHERE id IN (3, 1500, 2999)",
      'DELETE FROM public.orders WHERE id IN (4, 2500)',
    );
    const folder = await mkdtemp(join(tmpdir(), 'certyo-audit-'));
    try {
      const state = fileAuditState(join(folder, 'audit.json'));
      const abort = new AbortController();
      const reason = new Error('interrupted');
      const first = rig.audit({
        state: { load: () => state.load(), save: (now) => state.save(now) },
        chunkRows: 100,
        workers: 2,
        onEvent: (event) => {
          if (event.type === 'audit-progress' && event.done > 1000) abort.abort(reason);
        },
      });
      await expect(first.run({ signal: abort.signal })).rejects.toBe(reason);
      const kept = await state.load();
      expect(kept).toMatchObject({ tables: { 'public.orders': { isDone: false } } });
      const seen: number[] = [];
      const report = await rig.run({
        state,
        chunkRows: 100,
        onEvent: (event) => {
          if (event.type === 'audit-progress' && event.phase === 'rows') seen.push(event.done);
        },
      });
      expect(seen.length).toBeLessThan(31);
      expect(found(report)).toEqual([
        'changed 1500',
        'changed 2999',
        'changed 3',
        'missing-row 2500',
        'missing-row 4',
      ]);
      expect(report.totals.rows).toBe(2998);
      expect(report.snapshots).toHaveLength(2);
      expect(await state.load()).toBeNull();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('least privilege: SELECT on the table and what auditGrantSql grants', async () => {
    await using rig = await auditRig({ rows: 50 });
    const role = `auditor_${rig.db.database}`;
    await rig.db.query(`CREATE ROLE ${role} LOGIN`);
    const url = new URL(rig.db.url);
    url.username = role;
    const receipts = postgresReceiptStore({ connection: url.href });
    try {
      const run = () => rig.run({ connection: url.href, receipts });
      await expect(run()).rejects.toMatchObject({
        remedy: expect.stringContaining('GRANT SELECT ON "public"."orders"') as string,
      });
      await rig.db.query(`GRANT SELECT ON public.orders TO ${role}`);
      await expect(run()).rejects.toMatchObject({ code: 'RECEIPT_STORE' });
      for (const sql of auditGrantSql(role)) await rig.db.query(sql);
      expect(await run()).toMatchObject({ verdict: 'passed' });
    } finally {
      await receipts.close();
      await rig.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});
