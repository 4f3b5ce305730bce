import { setMaxListeners } from 'node:events';

import { CdcError, PipelineStateError, type PipelineTime } from '@certyo-cdc/core';
import { abortable, settleWithin, sleep } from '@certyo-cdc/core/internal';

import type { VerifierState } from '../verifier/events.ts';

/** What a service does again and again. */
export interface ServiceWork<Result> {
  /** For errors: `A write-back cannot do start(): it is stopped.` */
  readonly name: string;
  readonly time: PipelineTime;
  readonly intervalMs: number;
  /** Looks whether it can work at all; before the first round of a service. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Whether the running service has a round to do now. @default always */
  isDue?(signal: AbortSignal): Promise<boolean>;
  round(signal: AbortSignal): Promise<Result>;
  close(): Promise<void>;
  changed(from: VerifierState, to: VerifierState): void;
  interrupted(error: Error, retryInMs: number): void;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Longest wait in stopping for what does not heed its signal. */
const STOP_GRACE_MS = 5_000;
const LONGEST_PAUSE_MS = 300_000;

/**
 * Rounds of work with the life of a pipeline: an error that may pass is waited out, ever longer; any other one ends it.
 *
 * Rounds take turns: `runOnce()` beside a running service is one of them.
 */
export class Service<Result> {
  readonly closed: Promise<Error | null>;
  readonly #work: ServiceWork<Result>;
  readonly #abort = new AbortController();
  readonly #draining = new AbortController();
  #resolveClosed: (error: Error | null) => void = () => {};
  #state: VerifierState = 'idle';
  #error: Error | null = null;
  #interruption: Error | null = null;
  /** What keeps it from seeing whether a round is due. */
  #blindness: Error | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #loop: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor(work: ServiceWork<Result>) {
    this.#work = work;
    setMaxListeners(0, this.#abort.signal);
    setMaxListeners(0, this.#draining.signal);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get state(): VerifierState {
    return this.#state;
  }

  /** What stopped it, else null. */
  get error(): Error | null {
    return this.#error;
  }

  /** What kept the last round from its end; null when nothing did. */
  get interruption(): Error | null {
    return this.#blindness ?? this.#interruption;
  }

  async runOnce({ signal }: CallOptions = {}): Promise<Result> {
    signal?.throwIfAborted();
    if (this.#isEnding || this.#draining.signal.aborted) {
      throw this.#error ?? this.#stateError('runOnce');
    }
    const within = this.#within(signal);
    return abortable(this.#round(within), within);
  }

  async start({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#state !== 'idle') throw this.#stateError('start');
    this.#transition('running');
    try {
      await this.#work.prepare(this.#within(signal));
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
    if (this.#state === 'running' || this.#state === 'idle') {
      this.#transition('draining');
      this.#draining.abort(this.#stateError('the round'));
      void this.#loop.then(() => this.#turn).then(() => this.#end('stopped', null));
    }
    const error = await abortable(this.closed, signal);
    if (error !== null) throw error;
  }

  async stop(): Promise<void> {
    this.#end('stopped', null);
    await this.closed;
  }

  #within(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined
      ? this.#abort.signal
      : AbortSignal.any([signal, this.#abort.signal]);
  }

  async #run(): Promise<void> {
    const { intervalMs, time } = this.#work;
    const pausing = AbortSignal.any([this.#abort.signal, this.#draining.signal]);
    let interruptions = 0;
    while (!pausing.aborted) {
      let pauseMs = intervalMs;
      let hasLooked = false;
      try {
        const isDue = (await this.#work.isDue?.(this.#abort.signal)) ?? true;
        hasLooked = true;
        this.#blindness = null;
        if (isDue) await this.#round(this.#abort.signal);
        interruptions = 0;
      } catch (error) {
        if (this.#isEnding) return;
        if (!CdcError.is(error) || !error.retryable) {
          this.#end('failed', error);
          return;
        }
        interruptions += 1;
        pauseMs = Math.min(intervalMs * 2 ** Math.min(interruptions - 1, 20), LONGEST_PAUSE_MS);
        if (hasLooked) this.#interruption = error;
        else this.#blindness = error;
        this.#work.interrupted(error, pauseMs);
      }
      await sleep(time, pauseMs, pausing).catch(() => {});
    }
  }

  #round(signal: AbortSignal): Promise<Result> {
    const mine = this.#turn.then(async () => {
      signal.throwIfAborted();
      const result = await this.#work.round(signal);
      this.#interruption = null;
      this.#blindness = null;
      return result;
    });
    this.#turn = mine.catch(() => {});
    return mine;
  }

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
    const { time } = this.#work;
    await settleWithin([this.#loop, this.#turn], STOP_GRACE_MS, time);
    await settleWithin([this.#work.close()], STOP_GRACE_MS, time);
  }

  #transition(to: VerifierState): void {
    const from = this.#state;
    this.#state = to;
    this.#work.changed(from, to);
  }

  #stateError(method: string): PipelineStateError {
    return new PipelineStateError(
      `A ${this.#work.name} cannot do ${method}(): it is ${this.#state}.`,
    );
  }
}
