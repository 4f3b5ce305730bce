import { describe, expect, test } from 'vitest';

import { postgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { verifierGrantSql } from '../setup/grants.ts';
import { rig } from '../testing/rig.ts';
import type { VerifierFollower } from './follower.ts';

const { signal } = new AbortController();

describe('createVerifier', () => {
  test('follows receipts to the anchor, with a request for about a thousand', async () => {
    await using it = await rig();
    await it.handIn(10_000);
    it.anchor();
    const verifier = it.verifier();
    const result = await verifier.runOnce();
    expect(result).toMatchObject({ looked: 10_000, anchored: 10_000, failed: 0, overdue: 0 });
    expect(await it.states()).toEqual({ anchored: 10_000 });
    expect((result.requests / result.anchored) * 1000).toBeLessThanOrEqual(20);
    expect(it.asked()).toBe(result.requests);
    const [kept] = await it.receipts.list({ state: 'anchored', limit: 1, signal });
    const effect = it.emulator.records({ recordId: kept?.recordId })[0];
    expect(kept).toMatchObject({ snapshotId: effect?.snapshotId, looks: 1 });
    const block = it.emulator.chain.find(({ batchId }) => batchId === kept?.batchId);
    expect(kept?.merkleRoot).toBe(block?.merkleRoot);
    expect(kept?.anchoredAt?.slice(0, 23)).toBe(block?.anchoredAt.slice(0, 23));
    const within = await it.receipts.anchoredWithin({ since: new Date(0), signal });
    expect(within).toMatchObject({ receipts: 10_000 });
    expect(within.p50Ms).toBeGreaterThan(10_000);
    expect(verifier.status().anchoredWithin).toMatchObject(within);
    expect(await verifier.runOnce()).toMatchObject({ looked: 0, requests: 0 });
  });

  test('what waits for a batch costs one request when the batch is there, and none when that is known', async () => {
    await using it = await rig({ batchCount: 5000 });
    await it.handIn(1500);
    // The batch is closed, and not yet on the chain.
    it.emulator.clock.advance(61_000);
    const verifier = it.verifier();
    expect(await verifier.runOnce()).toMatchObject({ looked: 1500, anchored: 0 });
    await it.allDue();
    it.emulator.clock.advance(16_000);
    const before = it.asked();
    expect(await it.verifier({ maxClaimed: 400 }).runOnce()).toMatchObject({ anchored: 1500 });
    expect(it.asked() - before).toBe(1);
    const anchors = await it.database.query('SELECT DISTINCT state FROM certyo.anchors');
    expect(anchors).toEqual([{ state: 'anchored' }]);
  });

  test('several share the work, and none does what another does', async () => {
    await using it = await rig();
    await it.handIn(4000);
    it.anchor();
    const verifiers = Array.from({ length: 4 }, () => it.verifier({ maxClaimed: 250 }));
    const results = await Promise.all(verifiers.map((verifier) => verifier.runOnce()));
    const looked = results.map((result) => result.looked);
    expect(looked.reduce((sum, each) => sum + each, 0)).toBe(4000);
    expect(looked.filter((each) => each > 0).length).toBeGreaterThan(1);
    expect(await it.states()).toEqual({ anchored: 4000 });
    const looks = await it.database.query('SELECT DISTINCT looks FROM certyo.receipts');
    expect(looks).toEqual([{ looks: 1 }]);
    expect(await it.database.query('SELECT FROM certyo.verifier_claims')).toEqual([]);
  });

  test('versions of one record are told apart', async () => {
    await using it = await rig({ batchCount: 1 });
    await it.handIn(5);
    it.anchor();
    it.source.push([{ operation: 'update', key: { id: 1 }, after: { id: 1, value: 'new' } }]);
    await it.pipeline.caughtUp();
    expect(await it.verifier().runOnce()).toMatchObject({ looked: 6, anchored: 5 });
    const history = await it.receipts.history(
      { database: 'memory', collection: 'public.items', recordId: '1' },
      { signal },
    );
    expect(history.map(({ state }) => state)).toEqual(['anchored', 'pending']);
  });

  test('followers write together with the outcome, or not at all', async () => {
    await using it = await rig();
    await it.database.query('CREATE TABLE public.queue (record_id text, state text)');
    await it.handIn(20);
    it.anchor();
    let failures = 1;
    const follower: VerifierFollower = {
      name: 'queue',
      async follow(finished, { executor }) {
        await executor.query(
          'INSERT INTO public.queue SELECT * FROM unnest($1::text[], $2::text[])',
          [finished.map(({ recordId }) => recordId), finished.map(({ state }) => state)],
          { signal },
        );
        failures -= 1;
        if (failures >= 0) throw new Error('not yet');
      },
    };
    const verifier = it.verifier({ followers: [follower] });
    await expect(verifier.runOnce()).rejects.toThrow('not yet');
    expect(await it.states()).toEqual({ pending: 20 });
    await verifier.runOnce();
    expect(await it.states()).toEqual({ anchored: 20 });
    const [row] = await it.database.query<{ n: string }>(
      "SELECT count(DISTINCT record_id) AS n FROM public.queue WHERE state = 'anchored'",
    );
    expect(row?.n).toBe('20');
  });

  test('as a service it looks when something is due, tells of it, and drains', async () => {
    await using it = await rig();
    const verifier = it.verifier();
    await verifier.start();
    await it.handIn(300);
    it.anchor();
    await expect.poll(() => verifier.status()).toMatchObject({ anchored: 300, state: 'running' });
    await it.handIn(10, 1000);
    it.anchor();
    await expect.poll(() => it.states()).toEqual({ anchored: 310 });
    await verifier.drain();
    expect(await verifier.closed).toBeNull();
    expect(verifier.status()).toMatchObject({ state: 'stopped', error: null, interruption: null });
    const types = it.events.map(({ type }) => type);
    expect(types).toContain('receipts-looked-at');
    expect(types).toContain('round-finished');
    expect(
      it.events.flatMap((event) => (event.type === 'verifier-state-changed' ? event.to : [])),
    ).toEqual(['running', 'draining', 'stopped']);
    await expect(verifier.start()).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
    await expect(verifier.runOnce()).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
  });

  test('few receipts gather before they are asked about', async () => {
    await using it = await rig();
    it.anchor();
    const verifier = it.verifier({ gatherMs: 60_000 });
    await it.handIn(3);
    it.anchor();
    await verifier.start();
    await expect.poll(() => verifier.status().anchored).toBe(3);
    await it.handIn(3, 10);
    it.anchor();
    const asked = it.asked();
    await expect.poll(() => verifier.status().rounds).toBe(1);
    // A thousand are reason enough.
    await it.handIn(1000, 100);
    it.anchor();
    await expect.poll(() => verifier.status().anchored).toBe(1006);
    expect(it.asked() - asked).toBeLessThanOrEqual(3);
  });

  test('least privilege: it needs what verifierGrantSql grants, and no more', async () => {
    await using it = await rig();
    const role = `verifier_${it.database.database}`;
    await it.database.query(`CREATE ROLE ${role} LOGIN`);
    const url = new URL(it.database.url);
    url.username = role;
    const receipts = postgresReceiptStore({ connection: url.href, firstLookMs: 1 });
    try {
      await it.handIn(5);
      it.anchor();
      const verifier = it.verifier({ receipts });
      const error: unknown = await verifier.runOnce().catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'RECEIPT_STORE', retryable: false });
      expect(String(error)).toContain('GRANT SELECT, INSERT, UPDATE, DELETE');
      for (const sql of verifierGrantSql(role)) await it.database.query(sql);
      expect(await verifier.runOnce()).toMatchObject({ anchored: 5 });
      await verifier.start();
      await it.handIn(5, 100);
      it.anchor();
      await expect.poll(() => it.states()).toEqual({ anchored: 10 });
      await verifier.drain();
    } finally {
      await receipts.close();
      await it.database.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
        [role],
      );
      await it.database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  test('a ledger that is not there is said at the start; an abort gives its reason', async () => {
    await using it = await rig();
    await it.handIn(3);
    const reason = new Error('enough');
    await expect(it.verifier().runOnce({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await it.receipts.teardown({ signal });
    const verifier = it.verifier();
    await expect(verifier.start()).rejects.toMatchObject({
      code: 'RECEIPT_STORE',
      remedy: expect.stringContaining('setup()') as string,
    });
    expect(await verifier.closed).toMatchObject({ code: 'RECEIPT_STORE' });
    expect(verifier.status().state).toBe('failed');
  });
});
