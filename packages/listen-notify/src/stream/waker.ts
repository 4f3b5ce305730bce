import { sleep, SYSTEM_TIME } from '@certyo-cdc/core/internal';
import type { Doorbell } from '../listener/doorbell.ts';

export interface WakerOptions {
  /** Null: the log is polled. */
  readonly doorbell: Doorbell | null;
  readonly sweepMs: number;
  readonly groupMs: number | false;
  readonly intervalMs: { readonly min: number; readonly max: number };
}

/** Pause after which a number that is not settled is looked at again; grows while it stays open. */
const SHORTEST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/**
 * Decides when to look at the log again.
 *
 * Nothing is missed on the way to sleep: the bell is armed first, then the log is read once more, and only when that gave
 * nothing, and no number is drawn that is not settled, is a ring waited for. What commits after that look rings.
 */
export class Waker {
  readonly #options: WakerOptions;
  #isArmed = false;
  #idleLooks = 0;
  #pendingLooks = 0;
  #nudge: AbortController | null = null;
  #isNudged = false;

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /** Ends a wait that is under way, or the next one at once. */
  nudge(): void {
    this.#isNudged = true;
    this.#nudge?.abort();
  }

  /** The reader is awake: a look gave something, so writers need not ring. */
  async found(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#idleLooks = 0;
    this.#pendingLooks = 0;
    await this.#disarm(options);
  }

  /** A look gave nothing. Resolves when it is time for the next. */
  async idle(isPending: boolean, options: { readonly signal: AbortSignal }): Promise<void> {
    const { doorbell, sweepMs, groupMs } = this.#options;
    if (isPending) {
      await this.#disarm(options);
      const pauseMs = SHORTEST_PAUSE_MS * 2 ** Math.min(this.#pendingLooks, 10);
      this.#pendingLooks += 1;
      await this.#pause(Math.min(pauseMs, LONGEST_PAUSE_MS), options);
      return;
    }
    this.#pendingLooks = 0;
    if (doorbell === null) {
      await this.#pause(this.#nextInterval(), options);
      return;
    }
    if (!this.#isArmed) {
      this.#isArmed = await doorbell.arm(options);
      if (!this.#isArmed) await this.#pause(this.#nextInterval(), options);
      return;
    }
    this.#idleLooks = 0;
    const isRung = await this.#wait(options, async (signal) => {
      return (await doorbell.ring({ timeoutMs: sweepMs, signal })) === 'rung';
    });
    await this.#disarm(options);
    if (isRung === true && groupMs !== false) await this.#pause(groupMs, options);
  }

  /** After an error: what was armed may not be any more. */
  forget(): void {
    this.#isArmed = false;
  }

  async #disarm(options: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#isArmed) return;
    this.#isArmed = false;
    await this.#options.doorbell?.disarm(options);
  }

  #nextInterval(): number {
    const { min, max } = this.#options.intervalMs;
    const interval = Math.min(max, min * 2 ** Math.min(this.#idleLooks, 30));
    this.#idleLooks += 1;
    return interval;
  }

  async #pause(ms: number, options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#wait(options, (signal) => sleep(SYSTEM_TIME, ms, signal));
  }

  /** @returns Undefined when a nudge ended the wait. */
  async #wait<T>(
    { signal }: { readonly signal: AbortSignal },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    signal.throwIfAborted();
    if (this.#isNudged) {
      this.#isNudged = false;
      return undefined;
    }
    const nudge = new AbortController();
    const follow = (): void => nudge.abort(signal.reason);
    this.#nudge = nudge;
    signal.addEventListener('abort', follow, { once: true });
    try {
      return await work(nudge.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!nudge.signal.aborted) throw error;
      return undefined;
    } finally {
      signal.removeEventListener('abort', follow);
      this.#nudge = null;
      this.#isNudged = false;
    }
  }
}
