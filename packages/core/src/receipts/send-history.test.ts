import { memoryReceiptStore } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { SendHistory } from './send-history.ts';

const { signal } = new AbortController();
const BEGIN = { pipeline: 'p', isNew: true, signal };
const HOUR_MS = 3_600_000;

function at(minute: number): string {
  return new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString().replace('Z', '000Z');
}

describe('SendHistory', () => {
  test('what lies above all marks was never sent, what lies below since the first mark above it', async () => {
    const store = memoryReceiptStore();
    store.marks.set('p', [
      { upTo: at(30), sinceMs: 3 },
      { upTo: at(10), sinceMs: 1 },
      { upTo: at(20), sinceMs: 2 },
    ]);
    const { sentBefore } = await SendHistory.load(store, BEGIN);
    const since = [0, 10, 11, 20, 29, 30, 31].map((minute) => sentBefore.sentSince(at(minute)));
    expect(since).toEqual([1, 1, 2, 2, 3, 3, null]);
    expect(sentBefore.sentSince(null)).toBe(1);
    expect(sentBefore.sentSince('infinity')).toBe(1);
    expect(sentBefore.sentSince('0044-03-15T00:00:00.000000Z BC')).toBe(1);
    // Milliseconds are as good.
    expect(sentBefore.sentSince(at(31).replace('000Z', 'Z'))).toBeNull();
  });

  test('a mark that reaches further since longer covers the ones below it', async () => {
    const store = memoryReceiptStore();
    store.marks.set('p', [
      { upTo: at(10), sinceMs: 5 },
      { upTo: at(20), sinceMs: 2 },
    ]);
    const { sentBefore } = await SendHistory.load(store, BEGIN);
    expect(sentBefore.sentSince(at(5))).toBe(2);
  });

  test('without marks nothing was sent', async () => {
    const { sentBefore } = await SendHistory.load(memoryReceiptStore(), BEGIN);
    expect([sentBefore.sentSince(at(0)), sentBefore.sentSince(null)]).toEqual([null, null]);
  });

  test('what a pipeline sent before receipts were kept may have been sent when it was committed', async () => {
    const store = memoryReceiptStore();
    const options = { ...BEGIN, isNew: false };
    const nowMs = Date.parse(at(100));
    for (let life = 0; life < 2; life += 1) {
      const { sentBefore } = await SendHistory.load(store, options, () => nowMs);
      expect(sentBefore.sentSince(at(30))).toBe(Date.parse(at(30)));
      expect(sentBefore.sentSince(null)).toBe(-Infinity);
      expect(sentBefore.sentSince(at(1000))).toBeNull();
    }
    expect(store.marks.get('p')).toHaveLength(1);
  });

  test('covers times with few marks, ahead of them, further ahead the faster they come', async () => {
    const store = memoryReceiptStore();
    let nowMs = 0;
    const history = await SendHistory.load(store, BEGIN, () => nowMs);
    await history.cover([null], { signal });
    expect(store.marks.get('p')).toHaveLength(1);
    expect(history.cover([null], { signal })).toBeNull();
    // Three days of a backlog in a minute.
    for (let minute = 0; minute < 3 * 24 * 60; minute += 1) {
      nowMs += 14;
      await history.cover([at(minute), null, at(minute - 5)], { signal });
      const reached = store.marks.get('p')?.at(-1)?.upTo ?? '';
      expect(reached >= at(minute)).toBe(true);
    }
    expect(store.marks.get('p')?.length).toBeLessThan(100);
    // Live again: a minute ahead.
    nowMs += HOUR_MS;
    await history.cover([at(10_000)], { signal });
    expect(store.marks.get('p')?.at(-1)?.upTo).toBe(at(10_001));
  });

  test('requests side by side share a mark; one that fails leaves the others to try', async () => {
    const store = memoryReceiptStore();
    let failures = 1;
    store.onMark = () => {
      failures -= 1;
      if (failures >= 0) throw new Error('away');
    };
    const history = await SendHistory.load(store, BEGIN);
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, async () => {
        await history.cover([at(1)], { signal });
      }),
    );
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(store.marks.get('p')).toHaveLength(1);
  });
});
