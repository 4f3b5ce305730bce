import { HttpStatusError } from '../errors/delivery-error.ts';
import { CdcError } from '../errors/cdc-error.ts';
import { onAbort } from '../internal/on-abort.ts';
import { leaseGate, type GateLease, type Permit, type RequestOutcome } from './delivery-gate.ts';
import { SYSTEM_TIME, type PipelineTime } from './time.ts';

/** As a pipeline has them by default; where a pipeline of the scope is there before, its own hold. */
const BREAKER = Object.freeze({ failures: 5, openMs: 1_000, maxOpenMs: 30_000 });
const BUDGET = Object.freeze({ ratio: 0.1, perSecond: 2, capacity: 20 });

/** Requests that go through the gate of a scope, beside those of pipelines (H-10, H-11). */
export class GatedCalls {
  readonly #lease: GateLease;
  readonly #unsubscribe: () => void;
  readonly #waiting: Set<() => void> = new Set();

  constructor(scope: string, time: PipelineTime = SYSTEM_TIME, random: () => number = Math.random) {
    this.#lease = leaseGate(scope, { breaker: BREAKER, budget: BUDGET, time, random });
    const wake = (): void => {
      for (const each of this.#waiting) each();
    };
    this.#unsubscribe = this.#lease.gate.subscribe({ opened: wake, breakerChanged: wake });
  }

  /** Waits for leave, makes the request, and tells the gate how it went. */
  async call<T>(
    request: (signal: AbortSignal) => Promise<T>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<T> {
    const permit = await this.#leave(signal);
    let outcome: RequestOutcome = 'abandoned';
    let retryAfterMs: number | undefined;
    try {
      const answer = await request(signal);
      outcome = 'succeeded';
      return answer;
    } catch (error) {
      if (!signal.aborted) {
        outcome = isOutage(error) ? 'failed' : 'succeeded';
        if (error instanceof HttpStatusError) retryAfterMs = error.retryAfterMs ?? undefined;
      }
      throw error;
    } finally {
      this.#lease.gate.settle(permit, outcome, retryAfterMs);
    }
  }

  /** Nobody may be waiting any more. */
  release(): void {
    this.#unsubscribe();
    this.#lease.release();
  }

  async #leave(signal: AbortSignal): Promise<Permit> {
    for (;;) {
      signal.throwIfAborted();
      const permit = this.#lease.gate.acquire(false);
      if (permit !== null) return permit;
      await this.#opened(signal);
    }
  }

  #opened(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        forget();
        this.#waiting.delete(wake);
        settle();
      };
      const wake = (): void => finish(resolve);
      const forget = onAbort(signal, () => finish(() => reject(signal.reason as Error)));
      this.#waiting.add(wake);
    });
  }
}

/** Says something about the other side, not about the question. */
function isOutage(error: unknown): boolean {
  if (error instanceof HttpStatusError) return error.retryable;
  return (
    CdcError.is(error) &&
    (error.code === 'DELIVERY_CONNECTION' || error.code === 'DELIVERY_TIMEOUT')
  );
}
