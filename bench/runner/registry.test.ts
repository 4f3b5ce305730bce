import { describe, expect, test } from 'vitest';
import { DEFAULT_BENCHMARKS } from './registry.ts';

/** Everything that an aim is about. */
const WITH_AIMS = ['decode', 'source', 'pipeline', 'latency', 'copy', 'memory', 'growth'];

describe('DEFAULT_BENCHMARKS', () => {
  test('whatever has an aim is a median of at least five rounds, the pipeline of nine', () => {
    const rounds = new Map(DEFAULT_BENCHMARKS.map(({ name, rounds: { full } }) => [name, full]));
    for (const name of WITH_AIMS) {
      expect(rounds.get(name), name).toBeGreaterThanOrEqual(name === 'pipeline' ? 9 : 5);
    }
  });

  test('a quick run is one round of each', () => {
    expect(DEFAULT_BENCHMARKS.map(({ rounds }) => rounds.quick)).toEqual(
      DEFAULT_BENCHMARKS.map(() => 1),
    );
  });
});
