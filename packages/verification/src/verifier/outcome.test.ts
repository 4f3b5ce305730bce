import { describe, expect, test } from 'vitest';

import type { DueReceipt } from './due-receipt.ts';
import { decide, type Finding, isToResubmit, NOTHING_SEEN, resubmitted } from './outcome.ts';

const NOW = 1_000_000;
const RULES = {
  backoff: { initialMs: 100, maxMs: 1000 },
  resubmitAfterMs: 5000,
  maxResubmits: 2,
  overdueAfterMs: 500_000,
  firstLookMs: 300,
};

function due(more: Partial<DueReceipt> = {}): DueReceipt {
  return {
    database: 'd',
    collection: 'c',
    recordId: '1',
    recordVersion: '1',
    recordKey: 'k',
    acceptedUs: '0',
    acceptedMs: NOW - 1000,
    recordHash: null,
    snapshotId: null,
    anchorId: null,
    looks: 0,
    resubmits: 0,
    failedMs: null,
    isRaised: false,
    ...more,
  };
}

function seen(stage: Finding['stage'], more: Partial<Finding> = {}): Finding {
  return { ...NOTHING_SEEN, stage, snapshotId: 's', ...more };
}

describe('decide', () => {
  test('anchored is final, at the time that the API gives, never before its acceptance', () => {
    const at = (anchoredMs: number | null) =>
      decide(due(), seen('anchored', { anchoredMs }), RULES, NOW, 0);
    expect(at(NOW - 10)).toMatchObject({ state: 'anchored', anchoredMs: NOW - 10, dueInMs: null });
    expect(at(null)).toMatchObject({ anchoredMs: NOW });
    expect(at(5)).toMatchObject({ anchoredMs: NOW - 1000 });
  });

  test('what is on its way, or not to be seen, is looked at less and less often', () => {
    for (const stage of ['waiting', 'unknown'] as const) {
      const pauses = [0, 1, 2, 3, 4, 30_000].map(
        (looks) => decide(due({ looks }), seen(stage), RULES, NOW, 1).dueInMs,
      );
      expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000]);
      expect(decide(due(), seen(stage), RULES, NOW, 0)).toMatchObject({
        state: 'pending',
        dueInMs: 50,
        failedMs: null,
      });
    }
  });

  test('a failed one is left to Certyo for a while, then handed in again, then given up', () => {
    const failed = seen('failed', { failure: 'why' });
    const first = decide(due(), failed, RULES, NOW, 0);
    expect(first).toMatchObject({ state: 'pending', failedMs: NOW, failure: 'why' });
    expect(isToResubmit(due(), failed, RULES, NOW)).toBe(false);
    const later = due({ failedMs: NOW - 5000 });
    expect(isToResubmit(later, failed, RULES, NOW)).toBe(true);
    expect(isToResubmit(later, { ...failed, snapshotId: null }, RULES, NOW)).toBe(false);
    const taken = resubmitted(decide(later, failed, RULES, NOW, 0), true, RULES, NOW);
    expect(taken).toMatchObject({
      state: 'pending',
      resubmitted: true,
      failedMs: null,
      dueInMs: 300,
    });
    const refused = resubmitted(decide(later, failed, RULES, NOW, 0), false, RULES, NOW);
    expect(refused).toMatchObject({ resubmitted: true, failedMs: NOW - 5000, dueInMs: 100 });
    const last = due({ failedMs: NOW - 5000, resubmits: 2 });
    expect(isToResubmit(last, failed, RULES, NOW)).toBe(false);
    expect(decide(last, failed, RULES, NOW, 0)).toMatchObject({ state: 'failed', dueInMs: null });
    // Certyo's own attempt succeeded.
    expect(decide(last, seen('waiting'), RULES, NOW, 0)).toMatchObject({ failedMs: null });
  });

  test('age raises it once, anchored or not', () => {
    const old = due({ acceptedMs: NOW - 500_000 });
    expect(decide(old, seen('waiting'), RULES, NOW, 0).raises).toBe(true);
    expect(decide({ ...old, isRaised: true }, seen('waiting'), RULES, NOW, 0).raises).toBe(false);
    expect(decide(old, seen('anchored'), RULES, NOW, 0).raises).toBe(false);
    expect(decide(due(), seen('waiting'), RULES, NOW, 0).raises).toBe(false);
  });
});
