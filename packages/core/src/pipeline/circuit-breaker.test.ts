import { describe, expect, test } from 'vitest';

import { nextBreaker, type BreakerEvent, type BreakerState } from './circuit-breaker.ts';

const OPTIONS = { failures: 3, openMs: 1_000, maxOpenMs: 3_000 };
const NOW = 10_000;

const STATES: Record<BreakerState['type'], BreakerState> = {
  closed: { type: 'closed', failures: 2 },
  open: { type: 'open', untilMs: NOW, openings: 1 },
  'half-open': { type: 'half-open', openings: 1, probing: false },
};

const EVENTS: Record<BreakerEvent['type'], BreakerEvent> = {
  succeeded: { type: 'succeeded' },
  failed: { type: 'failed', nowMs: NOW, random: 0.999_999 },
  'time-passed': { type: 'time-passed', nowMs: NOW },
  'probe-sent': { type: 'probe-sent' },
  'probe-abandoned': { type: 'probe-abandoned' },
};

const CLOSED: BreakerState = { type: 'closed', failures: 0 };

const EXPECTED: Record<BreakerState['type'], Record<BreakerEvent['type'], BreakerState>> = {
  closed: {
    succeeded: CLOSED,
    failed: { type: 'open', untilMs: NOW + 1_000, openings: 1 },
    'time-passed': STATES.closed,
    'probe-sent': STATES.closed,
    'probe-abandoned': STATES.closed,
  },
  open: {
    succeeded: CLOSED,
    failed: STATES.open,
    'time-passed': STATES['half-open'],
    'probe-sent': STATES.open,
    'probe-abandoned': STATES.open,
  },
  'half-open': {
    succeeded: CLOSED,
    failed: { type: 'open', untilMs: NOW + 2_000, openings: 2 },
    'time-passed': STATES['half-open'],
    'probe-sent': { type: 'half-open', openings: 1, probing: true },
    'probe-abandoned': STATES['half-open'],
  },
};

const CASES = (['closed', 'open', 'half-open'] as const).flatMap((state) =>
  (['succeeded', 'failed', 'time-passed', 'probe-sent', 'probe-abandoned'] as const).map(
    (event) => ({ state, event }),
  ),
);

describe('nextBreaker', () => {
  test.each(CASES)('H-11: $state, $event', ({ event, state }) => {
    expect(nextBreaker(STATES[state], EVENTS[event], OPTIONS)).toEqual(EXPECTED[state][event]);
  });

  test('stays open before its time, and failures below the limit are counted', () => {
    const open = STATES.open;
    expect(nextBreaker(open, { type: 'time-passed', nowMs: NOW - 1 }, OPTIONS)).toBe(open);
    expect(nextBreaker(CLOSED, EVENTS.failed, OPTIONS)).toEqual({ type: 'closed', failures: 1 });
  });

  test('the pause grows to its limit and is never less than half', () => {
    const state: BreakerState = { type: 'half-open', openings: 50, probing: true };
    const least = nextBreaker(state, { type: 'failed', nowMs: NOW, random: 0 }, OPTIONS);
    expect(least).toEqual({ type: 'open', untilMs: NOW + 1_500, openings: 51 });
    expect(nextBreaker(state, EVENTS.failed, OPTIONS)).toMatchObject({ untilMs: NOW + 3_000 });
  });
});
