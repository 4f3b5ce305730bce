import { describe, expect, test } from 'vitest';
import { isClean, jsonLine, table, type DemoResult } from './report.ts';

const RESULT: DemoResult = {
  comparison: {
    committed: 3,
    delivered: 3,
    accepted: 3,
    anchored: 3,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    mismatched: 0,
    attempts: 4,
    examples: [],
    byCollection: { 'public.movies': { records: 2, committed: 3, accepted: 3, anchored: 3 } },
  },
  effects: 3,
  receipts: { kept: 3, anchored: 3, requests: 1 },
  restarts: 2,
  seconds: 1.5,
};

const having = (comparison: Partial<DemoResult['comparison']>): DemoResult => ({
  ...RESULT,
  comparison: { ...RESULT.comparison, ...comparison },
});

describe(jsonLine, () => {
  test('is one line with every count, in total and by source', () => {
    const polling = { ...having({ attempts: 3 }), restarts: 1, seconds: 2 };
    const line = jsonLine({ replication: RESULT, polling }, 3.5);
    expect(line).not.toContain('\n');
    const one = {
      committed: 3,
      delivered: 3,
      accepted: 3,
      anchored: 3,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      mismatched: 0,
    };
    expect(JSON.parse(line)).toEqual({
      committed: 6,
      delivered: 6,
      accepted: 6,
      anchored: 6,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      mismatched: 0,
      attempts: 7,
      receipts: 6,
      requestsPerThousandReceipts: 333.3,
      restarts: 3,
      seconds: 3.5,
      sources: {
        replication: { ...one, attempts: 4, receipts: 3, restarts: 2, seconds: 1.5 },
        polling: { ...one, attempts: 3, receipts: 3, restarts: 1, seconds: 2 },
      },
    });
  });

  test('sums what is wrong over the sources', () => {
    const results = { replication: having({ lost: 1 }), polling: having({ lost: 2 }) };
    const { lost, sources } = JSON.parse(jsonLine(results, 1)) as {
      readonly lost: number;
      readonly sources: Readonly<Record<string, { readonly lost: number }>>;
    };
    expect(lost).toBe(3);
    expect(sources['polling']?.lost).toBe(2);
  });
});

describe(isClean, () => {
  test('is true when all is anchored once', () => {
    expect(isClean(RESULT)).toBe(true);
  });

  test.each([
    { lost: 1 },
    { duplicated: 1 },
    { reordered: 1 },
    { mismatched: 1 },
    { delivered: 2 },
    { accepted: 4 },
    { anchored: 2 },
    { committed: 0, delivered: 0, accepted: 0, anchored: 0 },
  ])('is false for %o', (comparison) => {
    expect(isClean(having(comparison))).toBe(false);
  });
});

describe(table, () => {
  test('aligns its columns and ends with the examples of what differs', () => {
    const lines = table(
      'replication',
      having({ lost: 1, examples: ['lost: public.movies 7'] }),
    ).split('\n');
    expect(new Set(lines.slice(0, 3).map((line) => line.length)).size).toBe(1);
    expect(lines.at(-1)).toBe('lost: public.movies 7');
  });
});
