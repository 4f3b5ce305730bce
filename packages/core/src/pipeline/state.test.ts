import { describe, expect, test } from 'vitest';

import { PIPELINE_STATES, type PipelineState } from './pipeline-event.ts';
import { nextState, type LifecycleEvent } from './state.ts';

const EXPECTED: Record<PipelineState, Record<LifecycleEvent, PipelineState>> = {
  idle: {
    'start-called': 'starting',
    opened: 'idle',
    'drain-called': 'stopped',
    drained: 'idle',
    'stop-called': 'stopped',
    'error-raised': 'idle',
    'gap-found': 'idle',
  },
  starting: {
    'start-called': 'starting',
    opened: 'running',
    'drain-called': 'stopped',
    drained: 'starting',
    'stop-called': 'stopped',
    'error-raised': 'failed',
    'gap-found': 'gap',
  },
  running: {
    'start-called': 'running',
    opened: 'running',
    'drain-called': 'draining',
    drained: 'running',
    'stop-called': 'stopped',
    'error-raised': 'failed',
    'gap-found': 'gap',
  },
  draining: {
    'start-called': 'draining',
    opened: 'draining',
    'drain-called': 'draining',
    drained: 'stopped',
    'stop-called': 'stopped',
    'error-raised': 'failed',
    'gap-found': 'gap',
  },
  stopped: {
    'start-called': 'stopped',
    opened: 'stopped',
    'drain-called': 'stopped',
    drained: 'stopped',
    'stop-called': 'stopped',
    'error-raised': 'stopped',
    'gap-found': 'stopped',
  },
  failed: {
    'start-called': 'failed',
    opened: 'failed',
    'drain-called': 'failed',
    drained: 'failed',
    'stop-called': 'failed',
    'error-raised': 'failed',
    'gap-found': 'failed',
  },
  gap: {
    'start-called': 'gap',
    opened: 'gap',
    'drain-called': 'gap',
    drained: 'gap',
    'stop-called': 'gap',
    'error-raised': 'gap',
    'gap-found': 'gap',
  },
};

const EVENTS: readonly LifecycleEvent[] = [
  'start-called',
  'opened',
  'drain-called',
  'drained',
  'stop-called',
  'error-raised',
  'gap-found',
];

describe('nextState', () => {
  test.each(PIPELINE_STATES.flatMap((state) => EVENTS.map((event) => ({ state, event }))))(
    '$state, $event',
    ({ event, state }) => {
      expect(nextState(state, event)).toBe(EXPECTED[state][event]);
    },
  );
});
