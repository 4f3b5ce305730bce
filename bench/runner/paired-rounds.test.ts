import { describe, expect, test } from 'vitest';
import { figureOf, pairedRounds, ratioOf } from './paired-rounds.ts';
import { figure, spread } from './spread.ts';

const signal: AbortSignal = new AbortController().signal;

describe(pairedRounds, () => {
  test('every variant is run in every round, another one first each time', async () => {
    const turns: string[] = [];
    const variants = ['a', 'b', 'c'].map((name) => ({
      name,
      measure: async (round: number) => turns.push(`${name}${round}`),
    }));
    const measures = await pairedRounds(variants, { rounds: 4, signal });
    expect(turns.join(' ')).toBe('a0 b0 c0 b1 c1 a1 c2 a2 b2 a3 b3 c3');
    expect(measures.get('b')).toEqual([2, 4, 9, 11]);
  });

  test('an abort ends it before the next turn', async () => {
    const controller = new AbortController();
    const variants = ['a', 'b'].map((name) => ({
      name,
      measure: async () => controller.abort(new Error('enough')),
    }));
    await expect(pairedRounds(variants, { rounds: 2, signal: controller.signal })).rejects.toThrow(
      'enough',
    );
  });
});

describe(ratioOf, () => {
  const measures = new Map([
    ['ours', [10, 40, 90]],
    ['fast in the first round', [20, 20, 20]],
    ['fast later', [10, 80, 30]],
  ]);

  test('a ratio is one of a round, not of medians', () => {
    const ratio = ratioOf(measures, 'ours', 'fast later', (measure) => measure);
    expect(ratio).toEqual({ median: 1, least: 0.5, most: 3 });
  });

  test('against several it is the best of them of the same round, and one that was skipped does not count', () => {
    const others = ['fast in the first round', 'fast later', 'not installed'];
    const rates = ratioOf(measures, 'ours', others, (measure) => measure);
    expect(rates).toEqual({ median: 0.5, least: 0.5, most: 3 });
    const costs = ratioOf(measures, 'ours', others, (measure) => measure, Math.min);
    expect(costs).toEqual({ median: 2, least: 1, most: 4.5 });
  });
});

describe(spread, () => {
  test('the median is the one in the middle, or between the two there', () => {
    expect(spread([5, 1, 100])).toEqual({ median: 5, least: 1, most: 100 });
    expect(spread([4, 1, 2, 100])).toEqual({ median: 3, least: 1, most: 100 });
    const one = new Map([['x', [{ value: 7 }]]]);
    expect(figureOf(one, 'x', ({ value }) => value)).toEqual({ median: 7, least: 7, most: 7 });
  });

  test('a figure is its median, with its spread beside it', () => {
    expect(figure('vs', { median: 0.91234, least: 0.5, most: 1 })).toEqual({
      vs: 0.912,
      vsSpread: { least: 0.5, most: 1 },
    });
  });
});
