import { describe, expect, test } from 'vitest';

import type { SeenSnapshot } from './anchoring-codec.ts';
import type { DueReceipt } from './due-receipt.ts';
import { isSameHash, Matching } from './matching.ts';
import { listingWindows } from './windows.ts';

function due(recordId: string, more: Partial<DueReceipt> = {}): DueReceipt {
  return {
    database: 'd',
    collection: 'c',
    recordId,
    recordVersion: '1',
    recordKey: 'k',
    acceptedUs: '0',
    acceptedMs: 0,
    recordHash: 'ab',
    snapshotId: null,
    anchorId: null,
    looks: 0,
    resubmits: 0,
    failedMs: null,
    isRaised: false,
    ...more,
  };
}

function seen(more: Partial<SeenSnapshot>): SeenSnapshot {
  return {
    snapshotId: 's',
    database: null,
    collection: null,
    recordId: 'a',
    recordVersion: null,
    recordHash: null,
    stage: 'anchored',
    batchId: null,
    merkleRoot: null,
    since: null,
    failure: null,
    ...more,
  };
}

describe('Matching', () => {
  test('a snapshot is about a receipt by record and version, or by record and hash', () => {
    const cases: readonly (readonly [Partial<SeenSnapshot>, boolean])[] = [
      [{ recordVersion: '1' }, true],
      [{ recordVersion: '1', recordHash: 'other' }, true],
      [{ recordVersion: '2', recordHash: 'ab' }, false],
      [{ recordHash: 'sha256:AB' }, true],
      [{ recordHash: 'cd' }, false],
      // An older version may be meant.
      [{}, false],
      [{ recordVersion: '1', collection: 'c', database: 'd' }, true],
      [{ recordVersion: '1', collection: 'other' }, false],
      [{ recordVersion: '1', database: 'other' }, false],
      [{ recordVersion: '1', recordId: 'b' }, false],
      [{ recordVersion: '1', recordId: null }, false],
    ];
    for (const [snapshot, isAbout] of cases) {
      const matching = new Matching([due('a')]);
      matching.add(seen(snapshot));
      expect(matching.isComplete, JSON.stringify(snapshot)).toBe(isAbout);
    }
  });

  test('of several about one the best counts, in any order', () => {
    const stages = ['failed', 'anchored', 'waiting'] as const;
    for (const order of [stages, stages.toReversed()]) {
      const receipt = due('a');
      const matching = new Matching([receipt, due('b')]);
      for (const stage of order) matching.add(seen({ recordVersion: '1', stage }));
      expect(matching.found.get(receipt)?.stage).toBe('anchored');
      expect(matching.isComplete).toBe(false);
    }
  });

  test('of one version that was handed in with two payloads the one of the receipt counts, whatever became of the other', () => {
    const other = seen({ recordVersion: '1', recordHash: 'cd', stage: 'anchored' });
    const own = seen({ recordVersion: '1', recordHash: '0xAB', stage: 'waiting' });
    for (const order of [
      [other, own],
      [own, other],
    ]) {
      const receipt = due('a');
      const matching = new Matching([receipt]);
      for (const each of order) matching.add(each);
      expect(matching.found.get(receipt)?.stage).toBe('waiting');
    }
  });

  test('hashes are the same with and without a prefix, and never when one is missing', () => {
    expect(isSameHash('0xAB', 'sha256:ab')).toBe(true);
    expect(isSameHash(null, null)).toBe(false);
  });
});

describe('listingWindows', () => {
  test('puts together what was accepted close to each other, oldest first', () => {
    const windows = listingWindows(
      [500, 0, 90, 1000, 100].map((acceptedMs) => due(String(acceptedMs), { acceptedMs })),
      100,
    );
    expect(windows.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
      [0, 101],
      [500, 501],
      [1000, 1001],
    ]);
    expect(listingWindows([], 100)).toEqual([]);
  });
});
