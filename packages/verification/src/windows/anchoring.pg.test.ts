import { createCertyoClient, WindowError } from '@certyo-cdc/core';
import type { EmulatorPhase } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { row, SHOP, windowRig } from '../testing/window-rig.ts';
import { checkWindows } from './check-windows.ts';
import { createWindowAnchoring } from './create-window-anchoring.ts';
import { windowRecord, windowVersion } from './window.ts';

const { signal } = new AbortController();
const PHASES: readonly EmulatorPhase[] = ['request-received', 'applied', 'responded'];

describe('createWindowAnchoring', () => {
  test('each window becomes one version of one record: its payload is the content, its fingerprint the hash', async () => {
    await using it = await windowRig();
    await it.fill(3);
    await it.anchorWindows();
    const windows = await it.list();
    const held = it.emulator.records({ collection: '$windows' });
    expect(held.map(({ recordVersion }) => recordVersion)).toEqual([1, 2, 3].map(windowVersion));
    expect(held.map(({ payload }) => payload)).toEqual(windows.map(({ content }) => content));
    expect(held[0]).toMatchObject({ database: SHOP, recordId: SHOP, operationType: 'upsert' });
    const receipts = await it.receipts.history(windowRecord(SHOP), { signal });
    expect(receipts.map(({ payloadFingerprint }) => payloadFingerprint)).toEqual(
      windows.map(({ hash }) => hash),
    );
    const state = { windows: it.windows, receipts: it.receipts, pipeline: SHOP, signal };
    expect((await checkWindows(state)).anchoring).toEqual({
      anchored: 0,
      pending: 3,
      failed: 0,
      withoutReceipt: 0,
    });
    await it.anchorAll();
    await it.fill(1);
    expect((await checkWindows(state)).anchoring).toEqual({
      anchored: 3,
      pending: 0,
      failed: 0,
      withoutReceipt: 1,
    });
  });

  test('goes on where its receipts end, and sends nothing twice', async () => {
    await using it = await windowRig();
    for (let life = 0; life < 4; life += 1) {
      await it.fill(2);
      await it.anchorWindows();
    }
    expect(it.emulator.records({ collection: '$windows' })).toHaveLength(8);
    expect(it.emulator.counters).toMatchObject({ effects: 8 * 3 + 8, replays: 0, collisions: 0 });
  });

  test('sends a window when it is closed, and has that of an idle pipeline closed in its process', async () => {
    await using it = await windowRig({ windowMs: 200 });
    const anchoring = createWindowAnchoring({
      windows: it.windows,
      receipts: it.receipts,
      client: it.client,
      pipeline: SHOP,
      intervalMs: 20,
    });
    await anchoring.start();
    const pipeline = await it.start();
    it.source.push([row('insert', 1)]);
    await pipeline.caughtUp();
    await expect.poll(() => it.emulator.records({ collection: '$windows' }).length).toBe(1);
    expect(await it.list()).toHaveLength(1);
    await pipeline.drain();
    await anchoring.drain();
  });

  test('stopped at every request: each window has one effect and one receipt', async () => {
    let onRequest: ((phase: EmulatorPhase) => void) | null = null;
    await using it = await windowRig(
      {},
      {
        onPhase(phase, { path }) {
          if (path.startsWith('/api/v1/records')) onRequest?.(phase);
        },
      },
    );
    let windows = 0;
    for (const phase of PHASES) {
      for (const request of [1, 2]) {
        await it.fill(3);
        windows += 3;
        const client = createCertyoClient({ env: { ...it.emulator.environment } });
        const anchoring = createWindowAnchoring({
          windows: it.windows,
          receipts: it.receipts,
          client,
          pipeline: SHOP,
          intervalMs: 5,
        });
        let requests = 0;
        onRequest = (at) => {
          if (at === 'request-received') requests += 1;
          if (at === phase && requests === request) void anchoring.stop();
        };
        await anchoring.start();
        await anchoring.closed;
        onRequest = null;
        await client.close();
      }
    }
    await it.anchorWindows();
    const check = await checkWindows({
      windows: it.windows,
      receipts: it.receipts,
      pipeline: SHOP,
      signal,
    });
    expect(check).toMatchObject({
      ok: true,
      windows,
      anchoring: { pending: windows, withoutReceipt: 0 },
    });
    expect(it.emulator.records({ collection: '$windows' })).toHaveLength(windows);
  });

  test('refuses options that are wrong', async () => {
    await using it = await windowRig();
    const { client, receipts, windows } = it;
    const right = { client, receipts, windows, pipeline: SHOP };
    for (const wrong of [
      { pipeline: '' },
      { windows: undefined },
      { receipts: {} },
      { intervalMs: 0 },
      { other: 1 },
    ]) {
      expect(() => createWindowAnchoring({ ...right, ...wrong } as typeof right)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
      );
    }
  });

  test('I12: who waits for windows that cannot be read can give up', async () => {
    await using it = await windowRig();
    await it.fill(1);
    const { windows } = it;
    let looks = 0;
    const unreadable = Object.assign(Object.create(windows) as typeof windows, {
      closeNow: () => Promise.resolve([]),
      end: (...args: Parameters<typeof windows.end>) => windows.end(...args),
      list: () => {
        looks += 1;
        return Promise.reject(new WindowError('The windows are away.', { retryable: true }));
      },
    });
    const { client, receipts } = it;
    const anchoring = createWindowAnchoring({
      windows: unreadable,
      receipts,
      client,
      pipeline: SHOP,
      intervalMs: 10,
    });
    await anchoring.start();
    const given = new AbortController();
    const waiting = anchoring.caughtUp({ signal: given.signal });
    const outcome = expect(waiting).rejects.toThrow('enough');
    await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThan(2);
    given.abort(new Error('enough'));
    await outcome;
    await anchoring.stop();
  });
});
