import { setMaxListeners } from 'node:events';

import { GapError } from '../errors/source-error.ts';
import { abortable } from '../internal/on-abort.ts';
import { CdcError } from '../errors/cdc-error.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import type { JsonRow } from '../event/json.ts';
import type { Sink } from '../sink/sink.ts';
import type { ChangeSource, SourceLag } from '../source/change-source.ts';
import { AckTracker } from './ack-tracker.ts';
import { Conditions } from './conditions.ts';
import { normalizePipelineOptions, type NormalizedPipelineOptions } from './normalize-options.ts';
import { openStream } from './open-stream.ts';
import type { PipelineOptions } from './options.ts';
import type { PipelineEvent, PipelineState } from './pipeline-event.ts';
import type { Pipeline, PipelineStatus } from './pipeline.ts';
import { Run } from './run.ts';
import { zeroCounters, type Counters, type RunContext } from './run-context.ts';
import { nextState, type LifecycleEvent } from './state.ts';
import { settleWithin } from './settle-within.ts';

/** How long stopping waits for sinks and stores that do not heed their signal. */
const STOP_GRACE_MS = 5_000;

interface StartOptions {
  readonly signal?: AbortSignal | undefined;
}

interface RedriveOptions extends StartOptions {
  readonly lane?: string | undefined;
}

class StandardPipeline<Item, Row extends object> implements Pipeline {
  readonly name: string;
  readonly closed: Promise<Error | null>;
  readonly #source: ChangeSource<Row>;
  readonly #sink: Sink<Item, Row>;
  readonly #options: NormalizedPipelineOptions<Row>;
  readonly #abort: AbortController = new AbortController();
  readonly #draining: AbortController = new AbortController();
  readonly #conditions: Conditions = new Conditions();
  readonly #tracker: AckTracker = new AckTracker();
  readonly #counters: Counters = zeroCounters();
  readonly #work: Set<Promise<void>> = new Set();
  #resolveClosed: (error: Error | null) => void = () => {};
  #state: PipelineState = 'idle';
  #error: Error | null = null;
  #run: Run<Item, Row> | null = null;
  #opening: Promise<void> = Promise.resolve();
  #drain: Promise<void> | null = null;
  #shutdown: Promise<void> | null = null;
  #redrive: Promise<unknown> = Promise.resolve();

  constructor(
    source: ChangeSource<Row>,
    sink: Sink<Item, Row>,
    options: NormalizedPipelineOptions<Row>,
  ) {
    this.name = options.name;
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
    // One listener per request in flight; their number is the caller's choice.
    setMaxListeners(0, this.#abort.signal);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  async start(options: StartOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#state !== 'idle') {
      throw new PipelineStateError(`start() was called in state ${this.#state}.`, {
        remedy: 'Make a new pipeline for each start.',
      });
    }
    this.#transition('start-called');
    const onAbort = (): void => this.#end('stop-called', null);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#opening = this.#open();
      await this.#opening;
    } catch (error) {
      this.#fail(error);
      await this.closed;
      options.signal?.throwIfAborted();
      throw this.#error ?? this.#stateError('start');
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  async caughtUp(options: StartOptions = {}): Promise<void> {
    const run = this.#running('caughtUp');
    const signal = this.#until(options.signal);
    try {
      await run.caughtUp(signal);
    } catch (error) {
      throw this.#translate('caughtUp', error, options.signal);
    }
  }

  async drain(options: StartOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#drain ??= this.#drainOnce();
    await abortable(this.#drain, options.signal);
  }

  async stop(): Promise<void> {
    this.#end('stop-called', null);
    await this.closed;
  }

  async redrive(
    options: RedriveOptions = {},
  ): Promise<{ readonly delivered: number; readonly stillParked: number }> {
    const run = this.#running('redrive');
    const signal = AbortSignal.any([this.#until(options.signal), this.#draining.signal]);
    // One at a time: two would send the letters of one lane side by side.
    const redrive = this.#redrive.then(() => run.redrive(options.lane, signal));
    this.#redrive = redrive.catch(() => {});
    try {
      // A letter that is being sent is sent and removed all the same.
      return await abortable(redrive, options.signal);
    } catch (error) {
      throw this.#translate('redrive', error, options.signal);
    }
  }

  async lag(): Promise<SourceLag> {
    return this.#running('lag').lag();
  }

  status(): PipelineStatus {
    const { delivered, inFlightBytes, inFlightItems, parked, received } = this.#counters;
    const { replayed, requests, retried, skipped } = this.#counters;
    const events = this.#tracker.unacknowledgedEvents;
    const oldestAtMs = events === 0 ? Infinity : this.#tracker.oldestAtMs;
    const live = this.#run?.live ?? {
      blockedLanes: 0,
      breaker: 'closed',
      position: null,
      slot: null,
      copying: [],
    };
    return {
      name: this.name,
      state: this.#state,
      error: this.#error,
      received,
      delivered,
      replayed,
      skipped,
      parked,
      requests,
      retried,
      unacknowledged: {
        events,
        bytes: this.#tracker.unacknowledgedBytes,
        ageMs: Math.max(this.#options.time.now() - oldestAtMs, 0),
      },
      inFlight: { items: inFlightItems, bytes: inFlightBytes },
      ...live,
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

  async #open(): Promise<void> {
    const { signal } = this.#abort;
    const emit = this.#emit;
    const { stored, stream } = await openStream(this.#source, this.#options, signal, emit);
    try {
      const { deadLetters, loadsBlockedLanes, name, windows } = this.#options;
      await windows?.begin({ pipeline: name, source: this.#source, stored, signal });
      const lanes =
        loadsBlockedLanes && deadLetters !== null ? await deadLetters.lanes(name, { signal }) : [];
      // Not before the source is open: an instance that waited for another one learns what that one has sent.
      const isNew = stored === null;
      const sentBefore = (await this.#sink.begin?.({ pipeline: name, isNew, signal })) ?? null;
      signal.throwIfAborted();
      this.#run = new Run(this.#context(), stream, stored, lanes, sentBefore);
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
    this.#transition('opened');
    this.#background(this.#read(this.#run));
  }

  async #read(run: Run<Item, Row>): Promise<void> {
    await run.begin();
    // A source that ends by itself is drained.
    if (this.#state === 'running') this.#drain ??= this.#drainOnce();
    this.#drain?.catch(() => {});
  }

  async #drainOnce(): Promise<void> {
    const run = this.#run;
    if (run === null || this.#state !== 'running') {
      this.#end('drain-called', null);
    } else {
      this.#transition('drain-called');
      this.#draining.abort(this.#stateError('redrive'));
      try {
        await this.#redrive;
        await run.finish();
        this.#end('drained', null);
      } catch (error) {
        this.#fail(error);
      }
    }
    const error = await this.closed;
    if (error !== null) throw error;
  }

  #context(): RunContext<Item, Row> {
    return {
      options: this.#options,
      sink: this.#sink,
      tracker: this.#tracker,
      conditions: this.#conditions,
      counters: this.#counters,
      signal: this.#abort.signal,
      isObserved: this.#options.onEvent !== null,
      emit: this.#emit,
      fail: (error) => this.#fail(error),
      settled: () => {
        this.#run?.followUp();
        this.#conditions.check();
      },
      background: (work) => this.#background(work),
    };
  }

  readonly #emit = (event: PipelineEvent): void => {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // An observer cannot break the pipeline.
    }
  };

  #background(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        if (!this.#abort.signal.aborted) this.#fail(error);
      })
      .finally(() => {
        this.#work.delete(tracked);
      });
    this.#work.add(tracked);
  }

  #fail(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error('Something not an error was thrown.');
    this.#end(isGap(error) ? 'gap-found' : 'error-raised', error);
  }

  /** Enters a final state and stops everything; `closed` resolves when nothing is left. */
  #end(event: LifecycleEvent, error: Error | null): void {
    if (this.#shutdown !== null) return;
    const from = this.#state;
    const to = nextState(from, event);
    if (to === from) return;
    this.#error = error;
    this.#transition(event);
    const reason = error ?? this.#stateError('the call');
    this.#run?.stop();
    this.#abort.abort(reason);
    this.#conditions.close(reason);
    this.#shutdown = this.#release().then((trouble) => {
      this.#resolveClosed(this.#error ?? trouble);
    });
  }

  /** Lets go of everything. Resolves with what went wrong in doing so. */
  async #release(): Promise<Error | null> {
    const { time } = this.#options;
    let trouble: Error | null = null;
    const attempt = async (close: () => Promise<void> | undefined): Promise<void> => {
      try {
        await close();
      } catch (error) {
        if (error instanceof Error && error !== this.#abort.signal.reason) trouble ??= error;
      }
    };
    await settleWithin([this.#opening], STOP_GRACE_MS, time);
    const closing = attempt(() => this.#run?.close());
    await settleWithin([closing, ...this.#work, this.#redrive], STOP_GRACE_MS, time);
    await settleWithin(
      [
        attempt(() => this.#sink.close?.()),
        ...this.#options.ownStores.map((store) => attempt(() => store.close())),
      ],
      STOP_GRACE_MS,
      time,
    );
    return trouble;
  }

  #transition(event: LifecycleEvent): void {
    const from = this.#state;
    const to = nextState(from, event);
    if (to === from) return;
    this.#state = to;
    this.#emit({ type: 'pipeline-state-changed', from, to });
  }

  #running(method: string): Run<Item, Row> {
    const isRunning = this.#state === 'running' || this.#state === 'draining';
    if (this.#run === null || !isRunning) throw this.#error ?? this.#stateError(method);
    return this.#run;
  }

  #stateError(method: string): PipelineStateError {
    return new PipelineStateError(
      `Pipeline "${this.name}" cannot do ${method}(): it is ${this.#state}.`,
    );
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined
      ? this.#abort.signal
      : AbortSignal.any([signal, this.#abort.signal]);
  }

  /** The caller's own reason, else what ended the pipeline, else the error. */
  #translate(method: string, error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) return signal.reason;
    if (!this.#abort.signal.aborted) return error;
    return this.#error ?? this.#stateError(method);
  }
}

function isGap(error: Error): boolean {
  return error instanceof GapError || (CdcError.is(error) && error.code.startsWith('GAP_'));
}

/**
 * Joins a source with a sink.
 *
 * Every change that the source yields is delivered at least once, per record in commit order, with at most one item per
 * record in flight. The source is told that a change is safe only after every change before it has its final verdict
 * and the checkpoint is saved. What cannot be proved complete stops the pipeline in state `gap`.
 *
 * A pipeline is started once. `drain()` and `stop()` close the sink and the source's own stores.
 *
 * @throws {ConfigurationError} An option is wrong, or there is no place to keep the checkpoint.
 * @example
 * const pipeline = createPipeline(source, sink, { onEvent: (event) => log(event) });
 * await pipeline.start();
 * await pipeline.caughtUp();
 * await pipeline.drain();
 */
export function createPipeline<Item, Row extends object = JsonRow>(
  source: ChangeSource<Row>,
  sink: Sink<Item, Row>,
  options: PipelineOptions<Row> = {},
): Pipeline {
  return new StandardPipeline(source, sink, normalizePipelineOptions(source, sink, options));
}
