import { startPostgres } from '@certyo-cdc/testing';
import { type AuditRig, auditRigOn, found } from '../audit/rig.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './runner/campaign.ts';
import { eachRun, type RunContext } from './runner/each-run.ts';

const ROWS = 5_000;
/** Rows that are tampered with in one run, at most. */
const MOST_TAMPERED = 40;

/** Ways to tamper with a row, and what an audit says of it. */
const WAYS: readonly {
  readonly kind: string;
  readonly sql: (id: number) => string;
}[] = [
  { kind: 'changed', sql: (id) => `UPDATE public.orders SET total = total + 1 WHERE id = ${id}` },
  { kind: 'changed', sql: (id) => `UPDATE public.orders SET placed = NULL WHERE id = ${id}` },
  { kind: 'missing-row', sql: (id) => `DELETE FROM public.orders WHERE id = ${id}` },
  {
    kind: 'missing-record',
    sql: (id) => `DELETE FROM certyo.receipts WHERE record_id = '${id}'`,
  },
  {
    kind: 'changed',
    sql: (id) =>
      `UPDATE certyo.receipts SET fingerprint = decode(repeat('ab', 32), 'hex') WHERE record_id = '${id}'`,
  },
];

const SCHEMA_CHANGES: readonly string[] = [
  'SELECT 1',
  "ALTER TABLE public.orders ADD COLUMN region text DEFAULT 'north'",
  'ALTER TABLE public.orders RENAME COLUMN state TO status',
  'ALTER TABLE public.orders ALTER COLUMN customer TYPE varchar(60)',
];

async function runAudits(options: CampaignOptions): Promise<CampaignResult> {
  await using server = await startPostgres({ major: 18 });
  return await eachRun(options, async (context) => {
    await using rig = await auditRigOn(await server.createDatabase(), { rows: ROWS });
    return await oneRun(rig, context);
  });
}

async function oneRun(
  rig: AuditRig,
  { random, turn }: RunContext,
): Promise<Readonly<Record<string, number>>> {
  const change = SCHEMA_CHANGES[turn % SCHEMA_CHANGES.length] ?? '';
  await rig.db.query('UPDATE public.orders SET customer = customer WHERE id % 11 = 0');
  await rig.pipeline.caughtUp();
  await rig.db.query(change);
  await rig.pipeline.caughtUp();
  const untouched = await rig.run({ chunkRows: 700 });
  if (untouched.verdict !== 'passed') {
    throw new Error(`untouched rows were reported: ${found(untouched).slice(0, 5).join(', ')}`);
  }
  const expected = new Map<number, string>();
  const statements: string[] = [];
  const count = 1 + Math.floor(random() * MOST_TAMPERED);
  while (expected.size < count) {
    const id = 1 + Math.floor(random() * ROWS);
    const way = WAYS[Math.floor(random() * WAYS.length)];
    if (way === undefined || expected.has(id)) continue;
    expected.set(id, `${way.kind} ${id}`);
    statements.push(way.sql(id));
  }
  await rig.unseen(...statements);
  const report = await rig.run({ chunkRows: 700 });
  const wanted = [...expected.values()].sort();
  const told = found(report);
  if (JSON.stringify(told) !== JSON.stringify(wanted)) {
    const missed = wanted.filter((each) => !told.includes(each));
    const invented = told.filter((each) => !wanted.includes(each));
    throw new Error(`missed ${missed.join(', ')}; invented ${invented.join(', ')}`);
  }
  return { rows: untouched.totals.rows, tampered: count, found: told.length };
}

export const campaign: Campaign = {
  name: 'audit',
  description:
    'Rows, receipts and schemas are tampered with at random: an audit finds each and reports no other row.',
  runs: 20,
  run: runAudits,
};
