/**
 * The circuit breaker of a sink's scope.
 *
 *     closed ──failures in a row──→ open ──time──→ half-open ──one probe──→ closed, or open again for longer
 */
export type BreakerState =
  | { readonly type: 'closed'; readonly failures: number }
  | { readonly type: 'open'; readonly untilMs: number; readonly openings: number }
  | { readonly type: 'half-open'; readonly openings: number; readonly probing: boolean };

export type BreakerEvent =
  /** A request got through. */
  | { readonly type: 'succeeded' }
  /** A request failed as a whole. */
  | { readonly type: 'failed'; readonly nowMs: number; readonly random: number }
  | { readonly type: 'time-passed'; readonly nowMs: number }
  | { readonly type: 'probe-sent' }
  /** The pipeline that probed has stopped. */
  | { readonly type: 'probe-abandoned' };

export interface BreakerOptions {
  /** Failed requests in a row that open it. */
  readonly failures: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
}

type Transition<S extends BreakerState['type'], E extends BreakerEvent['type']> = (
  state: Extract<BreakerState, { type: S }>,
  event: Extract<BreakerEvent, { type: E }>,
  options: BreakerOptions,
) => BreakerState;

type Table = {
  readonly [S in BreakerState['type']]: {
    readonly [E in BreakerEvent['type']]: Transition<S, E>;
  };
};

const CLOSED: BreakerState = { type: 'closed', failures: 0 };
const stay = (state: BreakerState): BreakerState => state;

function opened(
  openings: number,
  event: { readonly nowMs: number; readonly random: number },
  options: BreakerOptions,
): BreakerState {
  const span = Math.min(options.openMs * 2 ** Math.min(openings - 1, 30), options.maxOpenMs);
  // Half fixed, half jitter: never at once, never all processes at one moment.
  const untilMs = event.nowMs + Math.ceil(span / 2 + (event.random * span) / 2);
  return { type: 'open', untilMs, openings };
}

const TABLE: Table = {
  closed: {
    succeeded: (state) => (state.failures === 0 ? state : CLOSED),
    failed: (state, event, options) =>
      state.failures + 1 >= options.failures
        ? opened(1, event, options)
        : { type: 'closed', failures: state.failures + 1 },
    'time-passed': stay,
    'probe-sent': stay,
    'probe-abandoned': stay,
  },
  open: {
    succeeded: () => CLOSED,
    failed: stay,
    'time-passed': (state, event) =>
      event.nowMs >= state.untilMs
        ? { type: 'half-open', openings: state.openings, probing: false }
        : state,
    'probe-sent': stay,
    'probe-abandoned': stay,
  },
  'half-open': {
    succeeded: () => CLOSED,
    failed: (state, event, options) => opened(state.openings + 1, event, options),
    'time-passed': stay,
    'probe-sent': (state) => ({ ...state, probing: true }),
    'probe-abandoned': (state) => ({ ...state, probing: false }),
  },
};

/** The state after an event. */
export function nextBreaker(
  state: BreakerState,
  event: BreakerEvent,
  options: BreakerOptions,
): BreakerState {
  // The table is total by its type; the union of its functions cannot be called without this.
  const transition = TABLE[state.type][event.type] as (
    state: BreakerState,
    event: BreakerEvent,
    options: BreakerOptions,
  ) => BreakerState;
  return transition(state, event, options);
}

export const INITIAL_BREAKER: BreakerState = CLOSED;
