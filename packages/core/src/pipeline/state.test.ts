import { describe, expect, test } from 'vitest';

import { PIPELINE_STATES, type PipelineState } from './pipeline-event.ts';
import { nextState, type LifecycleEvent } from './state.ts';

/** Every change of state; all other events change nothing. */
const CHANGES: Record<PipelineState, Partial<Record<LifecycleEvent, PipelineState>>> = {
  idle: { 'start-called': 'starting', 'drain-called': 'stopped', 'stop-called': 'stopped' },
  starting: {
    opened: 'running',
    'drain-called': 'stopped',
    'stop-called': 'stopped',
    'error-raised': 'failed',
    'gap-found': 'gap',
  },
  running: {
    'drain-called': 'draining',
    'stop-called': 'stopped',
    'error-raised': 'failed',
    'gap-found': 'gap',
  },
  draining: {
    drained: 'stopped',
    'stop-called': 'stopped',
    'error-raised': 'failed',
    'gap-found': 'gap',
  },
  stopped: {},
  failed: {},
  gap: {},
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
      expect(nextState(state, event)).toBe(CHANGES[state][event] ?? state);
    },
  );
});
