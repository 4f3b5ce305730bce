import { GatedCalls } from '@certyo-cdc/core/internal';

import { LedgerAccess } from '../receipts/ledger-access.ts';
import { Service } from '../service/service.ts';
import { Claims } from './claims.ts';
import type { RoundResult, VerifierEvent, VerifierState } from './events.ts';
import { Latencies, type LatencySummary } from './latencies.ts';
import { Looker } from './looker.ts';
import {
  type NormalizedVerifierOptions,
  normalizeVerifierOptions,
  type VerifierOptions,
} from './options.ts';
import { Requests, LookInterrupted } from './requests.ts';
import { type RoundParts, runRound } from './round.ts';

/** A snapshot of a verifier. Counters start at zero when it is made. */
export interface VerifierStatus {
  readonly state: VerifierState;
  /** The error that stopped it, else null. */
  readonly error: Error | null;
  /** Why the API could not be asked the last time; null when it could. */
  readonly interruption: Error | null;
  readonly rounds: number;
  readonly looked: number;
  readonly anchored: number;
  readonly failed: number;
  readonly resubmitted: number;
  readonly overdue: number;
  readonly requests: number;
  /** Of the newest 10,000 receipts that this verifier found anchored. */
  readonly anchoredWithin: LatencySummary;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Follows receipts until they are anchored or have failed.
 *
 * Any number of verifiers may work on one ledger: none looks at what another has claimed.
 */
export interface Verifier extends AsyncDisposable {
  /** Looks at everything that is due now. Rejects with the API's error when it cannot be asked. */
  runOnce(options?: CallOptions): Promise<RoundResult>;
  /** Begins to look whenever something is due. Rejects when the ledger cannot be read. */
  start(options?: CallOptions): Promise<void>;
  /** Finishes the round that is under way and stops. Idempotent. */
  drain(options?: CallOptions): Promise<void>;
  /** Stops now; what was found and not stored is looked at again. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when it has stopped: with null, or with the error that stopped it. Never rejects. */
  readonly closed: Promise<Error | null>;
  status(): VerifierStatus;
}

/** Receipts for which a round does not wait for more. */
const ENOUGH_DUE = 1_000;
const MAINTAIN_EVERY_MS = 3_600_000;

class StandardVerifier implements Verifier {
  readonly #options: NormalizedVerifierOptions;
  readonly #parts: RoundParts;
  readonly #service: Service<RoundResult>;
  readonly #totals = { rounds: 0, looked: 0, anchored: 0, failed: 0, resubmitted: 0, overdue: 0 };
  #lastRoundAtMs = -Infinity;
  #maintainedAtMs = -Infinity;

  constructor(options: NormalizedVerifierOptions) {
    const { client, codec, intervalMs, ledger, maxRequestsPerSecond, random, time } = options;
    this.#options = options;
    const access = new LedgerAccess(ledger, 'certyo-cdc verifier');
    const calls = new GatedCalls(client.scope, time, random);
    const requests = new Requests(client, calls, time, maxRequestsPerSecond);
    this.#parts = {
      options,
      access,
      claims: new Claims(access, options.claimMs),
      looker: new Looker(requests, codec, options.maxSingles),
      requests,
      latencies: new Latencies(),
      emit: this.#emit,
    };
    this.#service = new Service({
      name: 'verifier',
      time,
      intervalMs,
      prepare: async (signal) => {
        // What is missing of the ledger is said at once.
        await this.#parts.claims.backlog(1, { signal });
      },
      isDue: (signal) => this.#isDue(signal),
      round: (signal) => this.#round(signal),
      close: async () => {
        calls.release();
        await access.session.close();
      },
      changed: (from, to) => this.#emit({ type: 'verifier-state-changed', from, to }),
      interrupted: (error, retryInMs) => this.#emit({ type: 'look-interrupted', error, retryInMs }),
    });
  }

  get closed(): Promise<Error | null> {
    return this.#service.closed;
  }

  runOnce(options?: CallOptions): Promise<RoundResult> {
    return this.#service.runOnce(options);
  }

  start(options?: CallOptions): Promise<void> {
    return this.#service.start(options);
  }

  drain(options?: CallOptions): Promise<void> {
    return this.#service.drain(options);
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  status(): VerifierStatus {
    const { error, interruption, state } = this.#service;
    return {
      state,
      error,
      interruption,
      ...this.#totals,
      requests: this.#parts.requests.count,
      anchoredWithin: this.#parts.latencies.summary(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.drain();
    } catch {
      // What failed is told by `closed` and `status()`.
    }
    await this.closed;
  }

  /** A few receipts gather first: one request asks about a thousand. */
  async #isDue(signal: AbortSignal): Promise<boolean> {
    const { gatherMs, time } = this.#options;
    await this.#maintain(signal);
    const { due } = await this.#parts.claims.backlog(ENOUGH_DUE, { signal });
    return due > 0 && (time.now() - this.#lastRoundAtMs >= gatherMs || due >= ENOUGH_DUE);
  }

  async #round(signal: AbortSignal): Promise<RoundResult> {
    try {
      const result = await runRound(this.#parts, { signal });
      this.#totals.rounds += 1;
      this.#lastRoundAtMs = this.#options.time.now();
      return result;
    } catch (error) {
      throw error instanceof LookInterrupted ? error.cause : error;
    }
  }

  /** Without new partitions receipts go into the default one: nothing is lost, so this stops nobody. */
  async #maintain(signal: AbortSignal): Promise<void> {
    const nowMs = this.#options.time.now();
    if (nowMs - this.#maintainedAtMs < MAINTAIN_EVERY_MS) return;
    this.#maintainedAtMs = nowMs;
    try {
      const done = await this.#options.receipts.maintain({ signal });
      if (done.length > 0) this.#emit({ type: 'partitions-maintained', done });
    } catch (error) {
      signal.throwIfAborted();
      this.#emit({ type: 'maintenance-failed', error });
    }
  }

  readonly #emit = (event: VerifierEvent): void => {
    if (event.type === 'receipts-looked-at') {
      for (const name of ['looked', 'anchored', 'failed', 'resubmitted', 'overdue'] as const) {
        this.#totals[name] += event[name];
      }
    }
    try {
      this.#options.onEvent?.(event);
    } catch {
      // An observer cannot break the verifier.
    }
  };
}

/**
 * Makes a verifier.
 *
 * It looks at receipts first when a batch of the API has had time to be anchored, for as many as it can with one request, and
 * less and less often at those that stay pending. What Certyo failed to anchor is handed in again; what stays unanchored
 * beyond a limit is raised (`receipts-overdue`). Stopping it, or killing it, at any moment loses nothing. It holds a connection
 * from its first use to `drain()` or `stop()`, also where only `runOnce()` was called.
 *
 * @throws {ConfigurationError} An option is wrong.
 * @example
 * const verifier = createVerifier({ client, receipts, onEvent: (event) => log(event) });
 * await verifier.start();
 */
export function createVerifier(options: VerifierOptions): Verifier {
  return new StandardVerifier(normalizeVerifierOptions(options));
}
