import { Pool } from 'pg';
import { expect, test } from 'vitest';
import { auditRig } from './audit-rig.ts';
import { found } from './rig.ts';

test('an audit over the pool of an application, with settings of its own', async () => {
  await using rig = await auditRig({ rows: 300 });
  const pool = new Pool({
    connectionString: rig.db.url,
    max: 3,
    options: '-c datestyle=German -c timezone=Asia/Tokyo -c extra_float_digits=0',
  });
  // `end()` does not wait for its connections: the database may be dropped under them.
  pool.on('error', () => undefined);
  try {
    const over = { connection: undefined, pool, chunkRows: 20 };
    expect(await rig.run(over)).toMatchObject({ verdict: 'passed', totals: { rows: 300 } });
    await rig.unseen("UPDATE public.orders SET placed = now() + interval '1 s' WHERE id = 200");
    expect(found(await rig.run(over))).toEqual(['changed 200']);
    expect(pool.totalCount - pool.idleCount).toBe(0);
  } finally {
    await pool.end();
  }
});

test('an audit that is aborted leaves nothing behind', async () => {
  await using rig = await auditRig({ rows: 2000 });
  const abort = new AbortController();
  const reason = new Error('enough');
  const run = rig
    .audit({
      chunkRows: 50,
      onEvent: (event) => {
        if (event.type === 'audit-progress') abort.abort(reason);
      },
    })
    .run({ signal: abort.signal });
  await expect(run).rejects.toBe(reason);
  await expect(rig.audit().run({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await expect
    .poll(() =>
      rig.db.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'certyo-cdc audit' AND datname = current_database()",
      ),
    )
    .toEqual([]);
});

test('what cannot be audited is said with what to do', async () => {
  await using rig = await auditRig({ rows: 5 });
  await rig.db.query('CREATE TABLE public.loose (a int)');
  await expect(rig.run({ tables: ['public.loose'] })).rejects.toMatchObject({
    code: 'SOURCE_SETUP',
    message: expect.stringContaining('no primary key') as string,
  });
  await expect(rig.run({ tables: ['public.order'] })).rejects.toMatchObject({
    code: 'SOURCE_SETUP',
    message: expect.stringContaining('did you mean') as string,
  });
  expect(() => rig.audit({ tables: [] })).toThrow('at least one table');
  expect(() => rig.audit({ catchUp: {} as never })).toThrow('catchUp');
  expect(() => rig.audit({ verify: 'all' })).toThrow('`verify` needs `client`');
  expect(() => rig.audit({ tables: ['certyo.receipts'] })).toThrow('never captured');
  await expect(rig.run({ catchUp: { slot: 'none' } })).rejects.toMatchObject({
    code: 'SOURCE_SETUP',
    message: expect.stringContaining('no logical replication slot') as string,
  });
});

test('a slot that nobody reads ends the audit, and does not hold it for ever', async () => {
  await using rig = await auditRig({ rows: 5 });
  const slot = rig.db.database;
  await rig.db.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  // Something that the slot has not confirmed.
  await rig.db.query("UPDATE public.orders SET state = 'paid'");
  await expect(rig.run({ catchUp: { slot, stallMs: 200 } })).rejects.toMatchObject({
    code: 'SOURCE_SETUP',
    message: expect.stringContaining('stood still for 200 ms and nobody reads it') as string,
  });
  expect(() => rig.audit({ catchUp: { slot, stallMs: 0 } })).toThrow('stallMs');
  expect(() => rig.audit({ catchUp: { slot, stall: 1 } as never })).toThrow('stall');
});
