import { describe, expect, test } from 'vitest';

import { rig } from '../testing/rig.ts';
import { defaultAnchoringCodec } from './anchoring-codec.ts';

const { signal } = new AbortController();

describe('createVerifier, when something goes wrong', () => {
  test('H-15: what Certyo failed to anchor is handed in again, and anchored then, with one effect', async () => {
    await using it = await rig();
    const failure = it.emulator.faults.add({ kind: 'anchor-failure', count: 1 });
    await it.handIn(30);
    it.anchor();
    expect(failure.hits).toBe(1);
    const verifier = it.verifier();
    expect(await verifier.runOnce()).toMatchObject({ looked: 30, anchored: 0, resubmitted: 0 });
    expect(await it.receipts.list({ state: 'pending', limit: 1, signal })).toMatchObject([
      { failure: expect.stringContaining('not confirmed') as string },
    ]);
    await it.allDue();
    expect(await verifier.runOnce()).toMatchObject({ resubmitted: 30 });
    it.anchor();
    await it.allDue();
    expect(await verifier.runOnce()).toMatchObject({ anchored: 30, failed: 0 });
    expect(it.emulator.counters).toMatchObject({ effects: 30, attempts: 30, anchored: 30 });
    expect(await it.receipts.list({ state: 'anchored', limit: 1, signal })).toMatchObject([
      { resubmits: 1, failure: null },
    ]);
  });

  test('what fails again and again is given up, told of, and can be followed again', async () => {
    await using it = await rig();
    const failure = it.emulator.faults.add({ kind: 'anchor-failure', count: false });
    await it.handIn(3);
    const verifier = it.verifier({ maxResubmits: 2 });
    await expect
      .poll(async () => {
        it.anchor();
        await it.allDue();
        await verifier.runOnce();
        return it.states();
      })
      .toEqual({ failed: 3 });
    expect(verifier.status()).toMatchObject({ failed: 3, resubmitted: 6 });
    expect(it.events.filter(({ type }) => type === 'receipts-failed')).toEqual([
      { type: 'receipts-failed', receipts: 3, collections: { 'public.items': 3 } },
    ]);
    expect(await it.receipts.summary({ signal })).toMatchObject({ failed: 3, pending: 0 });
    await failure.remove();
    expect(await it.receipts.requeueFailed({ limit: 100, signal })).toBe(3);
    await expect
      .poll(async () => {
        it.anchor();
        await it.allDue();
        await verifier.runOnce();
        return it.states();
      })
      .toEqual({ anchored: 3 });
  });

  test('what stays unanchored beyond the limit is raised, once', async () => {
    await using it = await rig();
    await it.handIn(5);
    const verifier = it.verifier({ overdueAfterMs: 1 });
    expect(await verifier.runOnce()).toMatchObject({ overdue: 5 });
    await it.allDue();
    expect(await verifier.runOnce()).toMatchObject({ looked: 5, overdue: 0 });
    expect(it.events.filter(({ type }) => type === 'receipts-overdue')).toMatchObject([
      { receipts: 5, collections: { 'public.items': 5 } },
    ]);
    expect(await it.receipts.summary({ signal })).toMatchObject({ overdue: 5 });
    expect(JSON.stringify(it.events)).not.toContain('recordId');
  });

  test('H-10: it waits when the API wants it to, also when a sink was told so', async () => {
    await using it = await rig();
    await it.handIn(5);
    it.anchor();
    it.emulator.faults.add({
      kind: 'rate-limit',
      seconds: 1,
      match: { path: '/api/v1/snapshots' },
    });
    const verifier = it.verifier();
    const startedAt = performance.now();
    await verifier.start();
    await expect.poll(() => verifier.status().anchored).toBe(5);
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(it.events.some(({ type }) => type === 'look-interrupted')).toBe(true);
    await expect.poll(() => verifier.status().interruption).toBeNull();
    // The same gate: a record that is refused with 429 holds up the verifier too.
    it.emulator.faults.add({ kind: 'rate-limit', seconds: 1, match: { path: '/api/v1/records' } });
    const asked = it.asked();
    const again = performance.now();
    await it.handIn(1, 100);
    await it.handIn(4, 200);
    it.anchor();
    await expect.poll(() => verifier.status().anchored).toBe(10);
    expect(performance.now() - again).toBeGreaterThan(900);
    expect(it.asked() - asked).toBeGreaterThan(0);
  });

  test('an API that is away or answers nonsense is waited for; a key that is refused stops the service', async () => {
    await using it = await rig();
    await it.handIn(5);
    it.anchor();
    const verifier = it.verifier();
    it.emulator.faults.add({ kind: 'status', status: 503, match: { path: '/api/v1/snapshots' } });
    await expect(verifier.runOnce()).rejects.toMatchObject({ code: 'HTTP_STATUS', status: 503 });
    expect(await it.states()).toEqual({ pending: 5 });
    it.emulator.faults.add({ kind: 'garbage', match: { path: '/api/v1/snapshots' } });
    await verifier.runOnce();
    await it.emulator.faults.clear();
    await verifier.start();
    await expect.poll(() => verifier.status().anchored).toBe(5);
    it.emulator.faults.add({
      kind: 'status',
      status: 401,
      count: false,
      match: { path: '/api/v1/snapshots' },
    });
    await it.handIn(5, 100);
    expect(await verifier.closed).toMatchObject({ code: 'API_KEY_REFUSED' });
    expect(verifier.status()).toMatchObject({ state: 'failed' });
    expect(await it.states()).toEqual({ anchored: 5, pending: 5 });
  });

  test('an API that cannot list a span of time is asked record by record', async () => {
    await using it = await rig();
    await it.handIn(20);
    it.anchor();
    const codec = { listing: () => ({ from: 'nonsense' }) };
    const verifier = it.verifier({ codec, maxSingles: 8 });
    const result = await verifier.runOnce();
    expect(result).toMatchObject({ looked: 20, anchored: 8 });
    await expect
      .poll(async () => {
        await it.allDue();
        await verifier.runOnce();
        return it.states();
      })
      .toEqual({ anchored: 20 });
  });

  test('an answer that names no version proves nothing; the hash does', async () => {
    await using it = await rig();
    await it.handIn(4);
    it.anchor();
    const hide = (hidden: Partial<ReturnType<typeof defaultAnchoringCodec.snapshot>>) => ({
      snapshot: (item: Parameters<typeof defaultAnchoringCodec.snapshot>[0]) => {
        const seen = defaultAnchoringCodec.snapshot(item);
        return seen === null ? null : { ...seen, ...hidden };
      },
    });
    await it.database.query(
      "UPDATE certyo.receipts SET record_hash = 'other' WHERE record_id = '3'",
    );
    const blind = it.verifier({ codec: hide({ recordVersion: null, recordHash: null }) });
    // Verified by their hash, one by one; the fourth shows another hash than it was accepted with.
    expect(await blind.runOnce()).toMatchObject({ looked: 4, anchored: 3 });
    await it.handIn(4, 100);
    it.anchor();
    const before = it.asked();
    const byHash = it.verifier({ codec: hide({ recordVersion: null }) });
    await byHash.runOnce();
    expect(await it.states()).toEqual({ anchored: 7, pending: 1 });
    expect(it.asked() - before).toBeLessThanOrEqual(4);
  });

  test('records of others at the same time cost pages, not wrong answers', async () => {
    await using it = await rig();
    await it.handIn(50);
    for (let part = 0; part < 3; part += 1) {
      await it.client.ingestRecords(
        Array.from({ length: 1000 }, (_, index) => ({
          database: 'other',
          collection: 'public.items',
          recordId: String(index),
          recordVersion: `1.${String(part)}`,
          recordPayload: {},
        })),
      );
    }
    await it.handIn(50, 1000);
    it.anchor();
    expect(await it.verifier().runOnce()).toMatchObject({ looked: 100, anchored: 100 });
  });
});
