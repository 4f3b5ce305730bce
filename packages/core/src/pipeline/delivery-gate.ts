import {
  INITIAL_BREAKER,
  nextBreaker,
  type BreakerEvent,
  type BreakerOptions,
  type BreakerState,
} from './circuit-breaker.ts';
import {
  deposit,
  fullBudget,
  refill,
  spend,
  untilTokenMs,
  type RetryBudget,
  type RetryBudgetOptions,
} from './retry-budget.ts';
import { LONGEST_DELAY_MS } from './retry-policy.ts';
import type { PipelineTime } from './time.ts';

export interface DeliveryGateOptions {
  readonly breaker: BreakerOptions | false;
  readonly budget: RetryBudgetOptions | false;
  readonly time: PipelineTime;
  readonly random: () => number;
}

/** Leave to send one request. Must be settled. */
export interface Permit {
  readonly probe: boolean;
}

/** `abandoned`: nobody knows, the pipeline has stopped. */
export type RequestOutcome = 'succeeded' | 'failed' | 'abandoned';

/** Hears that requests may be possible again, and how the breaker changed. */
export interface GateListener {
  opened(): void;
  breakerChanged(to: BreakerState['type']): void;
}

/**
 * What all requests to one place share, whichever pipeline they come from: the retry budget, the circuit breaker and
 * the moment before which the server does not want to be asked again (H-10, H-11).
 */
export class DeliveryGate {
  readonly #options: DeliveryGateOptions;
  readonly #listeners: Set<GateListener> = new Set();
  #breaker: BreakerState = INITIAL_BREAKER;
  #budget: RetryBudget | null;
  #notBeforeMs = 0;
  #wakeAtMs = Infinity;
  #cancelWake: (() => void) | null = null;

  constructor(options: DeliveryGateOptions) {
    this.#options = options;
    this.#budget = options.budget === false ? null : fullBudget(options.budget, options.time.now());
  }

  get breaker(): BreakerState['type'] {
    return this.#breaker.type;
  }

  subscribe(listener: GateListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopWaking();
    };
  }

  /** Leave to send now, or null; then the listeners hear when to ask again. */
  acquire(isRetry: boolean): Permit | null {
    const nowMs = this.#options.time.now();
    if (nowMs < this.#notBeforeMs) {
      this.#wakeAt(this.#notBeforeMs);
      return null;
    }
    this.#apply({ type: 'time-passed', nowMs });
    if (this.#breaker.type === 'open') {
      this.#wakeAt(this.#breaker.untilMs);
      return null;
    }
    const probe = this.#breaker.type === 'half-open';
    if (this.#breaker.type === 'half-open' && this.#breaker.probing) return null;
    // A probe is paid by the breaker's own pace.
    if (isRetry && !probe && !this.#pay(nowMs)) return null;
    if (probe) this.#apply({ type: 'probe-sent' });
    return { probe };
  }

  settle(permit: Permit, outcome: RequestOutcome, retryAfterMs?: number): void {
    const nowMs = this.#options.time.now();
    const before = this.#breaker.type;
    if (outcome === 'abandoned') {
      if (permit.probe) this.#apply({ type: 'probe-abandoned' });
    } else if (outcome === 'succeeded') {
      const { budget } = this.#options;
      if (this.#budget !== null && budget !== false) this.#budget = deposit(this.#budget, budget);
      this.#apply({ type: 'succeeded' });
    } else if (permit.probe || this.#breaker.type === 'closed') {
      // An answer to what was sent before the breaker opened says nothing new.
      this.#apply({ type: 'failed', nowMs, random: this.#options.random() });
    }
    if (retryAfterMs !== undefined && retryAfterMs > 0) {
      const until = nowMs + Math.min(retryAfterMs, LONGEST_DELAY_MS);
      this.#notBeforeMs = Math.max(this.#notBeforeMs, until);
    }
    if (permit.probe || before !== this.#breaker.type) this.#announceOpened();
  }

  #pay(nowMs: number): boolean {
    const { budget } = this.#options;
    if (this.#budget === null || budget === false) return true;
    const filled = refill(this.#budget, budget, nowMs);
    const paid = spend(filled);
    this.#budget = paid ?? filled;
    if (paid !== null) return true;
    this.#wakeAt(nowMs + untilTokenMs(filled, budget));
    return false;
  }

  #apply(event: BreakerEvent): void {
    const { breaker } = this.#options;
    if (breaker === false) return;
    const before = this.#breaker.type;
    this.#breaker = nextBreaker(this.#breaker, event, breaker);
    const after = this.#breaker.type;
    if (after === before) return;
    for (const listener of this.#listeners) listener.breakerChanged(after);
  }

  #announceOpened(): void {
    for (const listener of this.#listeners) listener.opened();
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return;
    this.#stopWaking();
    this.#wakeAtMs = atMs;
    const delayMs = Math.max(atMs - this.#options.time.now(), 1);
    this.#cancelWake = this.#options.time.setTimeout(() => {
      this.#wakeAtMs = Infinity;
      this.#cancelWake = null;
      this.#announceOpened();
    }, delayMs);
  }

  #stopWaking(): void {
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAtMs = Infinity;
  }
}

/** A gate in use. */
export interface GateLease {
  readonly gate: DeliveryGate;
  release(): void;
}

const shared = new Map<string, { readonly gate: DeliveryGate; users: number }>();

/** The gate of a scope, shared by all pipelines of the process; freed with its last user. */
export function leaseGate(scope: string | undefined, options: DeliveryGateOptions): GateLease {
  if (scope === undefined) return { gate: new DeliveryGate(options), release: () => {} };
  const found = shared.get(scope) ?? { gate: new DeliveryGate(options), users: 0 };
  found.users += 1;
  shared.set(scope, found);
  let isReleased = false;
  return {
    gate: found.gate,
    release: () => {
      if (isReleased) return;
      isReleased = true;
      found.users -= 1;
      if (found.users === 0) shared.delete(scope);
    },
  };
}
