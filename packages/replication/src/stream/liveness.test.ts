import { reconnectDelayMs } from '@certyo-cdc/postgres';
import { describe, expect, test } from 'vitest';
import { IdleProgress } from './idle-progress.ts';
import { isDead, KeepaliveStorm, livenessTimings } from './liveness.ts';

describe(livenessTimings, () => {
  test.each([
    // wal_sender_timeout, options, status every, dead after
    [60_000, {}, 5_000, 15_000],
    [3_000, {}, 1_000, 15_000],
    [1_000, {}, 333, 15_000],
    [100, {}, 50, 15_000],
    [1, {}, 50, 15_000],
    [0, {}, 5_000, 15_000],
    [-1, {}, 5_000, 15_000],
    [Number.NaN, {}, 5_000, 15_000],
    [Number.POSITIVE_INFINITY, {}, 5_000, 15_000],
    [60_000, { statusIntervalMs: 10_000 }, 10_000, 20_000],
    [3_000, { statusIntervalMs: 10_000 }, 1_000, 15_000],
    [60_000, { statusIntervalMs: 200, deadAfterMs: 600 }, 200, 600],
    [60_000, { deadAfterMs: 1_000 }, 5_000, 10_000],
    [60_000, { deadAfterMs: false as const }, 5_000, null],
  ])(
    'R-08, R-09: wal_sender_timeout %s with %o',
    (timeout, options, statusIntervalMs, deadAfterMs) => {
      expect(livenessTimings(timeout, options)).toEqual({ statusIntervalMs, deadAfterMs });
    },
  );
});

describe(isDead, () => {
  const timings = { statusIntervalMs: 1_000, deadAfterMs: 3_000 };
  const state = { nowMs: 10_000, lastReceivedAtMs: 0, isPaused: false, strikes: 0 };

  test.each([
    ['silent for too long', {}, true],
    ['silent for just as long', { lastReceivedAtMs: 7_000 }, false],
    ['a socket that we have paused hears nothing', { isPaused: true }, false],
    ['patience doubles with each strike', { strikes: 2 }, false],
    ['up to 64 times', { strikes: 99, nowMs: 3_000 * 64 + 1 }, true],
    ['and no further', { strikes: 99, nowMs: 3_000 * 64 }, false],
  ])('%s', (_name, change, dead) => {
    expect(isDead(timings, { ...state, ...change })).toBe(dead);
  });

  test('never, when it is off', () => {
    expect(isDead({ ...timings, deadAfterMs: null }, { ...state, nowMs: 1e12 })).toBe(false);
  });
});

describe(KeepaliveStorm, () => {
  test('R-10: more than a hundred questions in a second without progress', () => {
    const storm = new KeepaliveStorm();
    for (let i = 0; i < 100; i++) expect(storm.saw(5n, i)).toBe(false);
    expect(storm.saw(5n, 100)).toBe(true);
  });

  test('progress, or a second, begins anew', () => {
    const storm = new KeepaliveStorm();
    for (let i = 0; i < 1_000; i++) expect(storm.saw(BigInt(i), 0)).toBe(false);
    for (let i = 0; i < 1_000; i++) expect(storm.saw(5n, i * 11)).toBe(false);
  });
});

describe(reconnectDelayMs, () => {
  const delays = { minDelayMs: 100, maxDelayMs: 10_000 };

  test.each([
    [0, 0, 100],
    [0, 0.99, 100],
    [1, 0.5, 150],
    [3, 1, 800],
    [50, 1, 10_000],
    [5_000, 0.5, 5_050],
  ])('attempt %s with random %s waits %s ms', (attempt, random, ms) => {
    expect(reconnectDelayMs(delays, attempt, random)).toBe(ms);
  });
});

describe(IdleProgress, () => {
  test('R-04: much log without a change of ours makes an end', () => {
    const idle = new IdleProgress(0n, 0);
    expect(idle.at(262_143n, null, 0)).toBeNull();
    expect(idle.at(262_144n, null, 0)).toBe(262_144n);
    expect(idle.at(300_000n, null, 0)).toBeNull();
  });

  test('some log makes an end after a while, less than a checkpoint writes never does (I10)', () => {
    const idle = new IdleProgress(0n, 0);
    expect(idle.at(16_384n, null, 29_999)).toBeNull();
    expect(idle.at(16_384n, null, 30_000)).toBe(16_384n);
    expect(idle.at(16_384n + 16_383n, null, 1e9)).toBeNull();
  });

  test('an end of a transaction is given, with what was read behind it where that is much', () => {
    const idle = new IdleProgress(0n, 0);
    expect(idle.at(1_000n, 900n, 0)).toBe(900n);
    expect(idle.at(2_000_000n, 1_000n, 0)).toBe(2_000_000n);
  });
});
