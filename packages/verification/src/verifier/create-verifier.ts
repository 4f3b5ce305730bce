import { setMaxListeners } from 'node:events';

import { CdcError, PipelineStateError } from '@certyo-cdc/core';
import { abortable, GatedCalls, settleWithin, sleep } from '@certyo-cdc/core/internal';

import { LedgerAccess } from '../receipts/ledger-access.ts';
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

/** Longest wait in stopping for what does not heed its signal. */
const STOP_GRACE_MS = 5_000;
/** Receipts for which a round does not wait for more. */
const ENOUGH_DUE = 1_000;
const MAINTAIN_EVERY_MS = 3_600_000;
const LONGEST_PAUSE_MS = 300_000;

class StandardVerifier implements Verifier {
  readonly closed: Promise<Error | null>;
  readonly #options: NormalizedVerifierOptions;
  readonly #access: LedgerAccess;
  readonly #calls: GatedCalls;
  readonly #parts: RoundParts;
  readonly #abort = new AbortController();
  readonly #draining = new AbortController();
  readonly #totals = { rounds: 0, looked: 0, anchored: 0, failed: 0, resubmitted: 0, overdue: 0 };
  #resolveClosed: (error: Error | null) => void = () => {};
  #state: VerifierState = 'idle';
  #error: Error | null = null;
  #interruption: Error | null = null;
  /** Rounds take turns: `runOnce` beside a running service is one of them. */
  #turn: Promise<unknown> = Promise.resolve();
  #loop: Promise<void> = Promise.resolve();
  #isEnding = false;
  #maintainedAtMs = -Infinity;

  constructor(options: NormalizedVerifierOptions) {
    const { client, codec, ledger, maxRequestsPerSecond, random, time } = options;
    this.#options = options;
    this.#access = new LedgerAccess(ledger, 'certyo-cdc verifier');
    this.#calls = new GatedCalls(client.scope, time, random);
    const requests = new Requests(client, this.#calls, time, maxRequestsPerSecond);
    this.#parts = {
      options,
      access: this.#access,
      claims: new Claims(this.#access, options.claimMs),
      looker: new Looker(requests, codec, options.maxSingles),
      requests,
      latencies: new Latencies(),
      emit: this.#emit,
    };
    setMaxListeners(0, this.#abort.signal);
    setMaxListeners(0, this.#draining.signal);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  async runOnce({ signal }: CallOptions = {}): Promise<RoundResult> {
    signal?.throwIfAborted();
    if (this.#isEnding) throw this.#error ?? this.#stateError('runOnce');
    const within =
      signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
    const round = this.#inTurn(() => this.#round(within));
    try {
      return await abortable(round, within);
    } catch (error) {
      throw error instanceof LookInterrupted ? error.cause : error;
    }
  }

  async start({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#state !== 'idle') throw this.#stateError('start');
    this.#transition('running');
    try {
      const within =
        signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
      // What is missing of the ledger is said at once.
      await this.#parts.claims.backlog(1, { signal: within });
    } catch (error) {
      this.#end(signal?.aborted === true ? 'stopped' : 'failed', error);
      await this.closed;
      signal?.throwIfAborted();
      throw this.#error ?? this.#stateError('start');
    }
    if (!this.#isEnding) this.#loop = this.#run();
  }

  async drain({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#state === 'running') {
      this.#transition('draining');
      this.#draining.abort(this.#stateError('the round'));
      void this.#loop.then(() => this.#turn.catch(() => {})).then(() => this.#end('stopped', null));
    } else if (this.#state === 'idle') {
      this.#end('stopped', null);
    }
    const error = await abortable(this.closed, signal);
    if (error !== null) throw error;
  }

  async stop(): Promise<void> {
    this.#end('stopped', null);
    await this.closed;
  }

  status(): VerifierStatus {
    return {
      state: this.#state,
      error: this.#error,
      interruption: this.#interruption,
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

  async #run(): Promise<void> {
    const { gatherMs, intervalMs, time } = this.#options;
    const pausing = AbortSignal.any([this.#abort.signal, this.#draining.signal]);
    const { signal } = this.#abort;
    let interruptions = 0;
    let lastRoundAtMs = -Infinity;
    while (!pausing.aborted) {
      let pauseMs = intervalMs;
      try {
        await this.#maintain(signal);
        const { due } = await this.#parts.claims.backlog(ENOUGH_DUE, { signal });
        const hasGathered = time.now() - lastRoundAtMs >= gatherMs || due >= ENOUGH_DUE;
        if (due > 0 && hasGathered) {
          await this.#inTurn(() => this.#round(signal));
          lastRoundAtMs = time.now();
        }
        interruptions = 0;
      } catch (error) {
        if (this.#isEnding) return;
        const cause = error instanceof LookInterrupted ? error.cause : error;
        if (!CdcError.is(cause) || !cause.retryable) {
          this.#end('failed', cause);
          return;
        }
        interruptions += 1;
        pauseMs = Math.min(intervalMs * 2 ** Math.min(interruptions - 1, 20), LONGEST_PAUSE_MS);
        this.#interruption = cause;
        this.#emit({ type: 'look-interrupted', error: cause, retryInMs: pauseMs });
      }
      await sleep(time, pauseMs, pausing).catch(() => {});
    }
  }

  async #round(signal: AbortSignal): Promise<RoundResult> {
    const result = await runRound(this.#parts, { signal });
    this.#interruption = null;
    this.#totals.rounds += 1;
    return result;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => {});
    return mine;
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

  #end(to: 'stopped' | 'failed', cause: unknown): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (to === 'failed') {
      this.#error =
        cause instanceof Error ? cause : new Error('Something not an error was thrown.');
    }
    this.#transition(to);
    this.#abort.abort(this.#error ?? this.#stateError('the call'));
    void this.#release().then(() => this.#resolveClosed(this.#error));
  }

  async #release(): Promise<void> {
    const { time } = this.#options;
    await settleWithin([this.#loop, this.#turn], STOP_GRACE_MS, time);
    this.#calls.release();
    await settleWithin([this.#access.session.close()], STOP_GRACE_MS, time);
  }

  #transition(to: VerifierState): void {
    const from = this.#state;
    this.#state = to;
    this.#emit({ type: 'verifier-state-changed', from, to });
  }

  #stateError(method: string): PipelineStateError {
    return new PipelineStateError(`A verifier cannot do ${method}(): it is ${this.#state}.`);
  }
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
