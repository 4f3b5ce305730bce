import { randomUUID } from 'node:crypto';

import type { CheckpointStore, StoredCheckpoint } from '../checkpoint/checkpoint.ts';
import type { ChangeStream } from '../source/change-source.ts';
import type { NormalizedPipelineOptions } from './normalize-options.ts';
import type { RunContext } from './run-context.ts';
import { saveWithRetry } from './save-with-retry.ts';

/** What the writer needs of a running pipeline. */
export interface CheckpointContext extends Pick<
  RunContext<unknown, object>,
  'background' | 'conditions' | 'emit' | 'signal' | 'tracker'
> {
  readonly options: Pick<
    NormalizedPipelineOptions<object>,
    | 'checkpointIntervalMs'
    | 'checkpoints'
    | 'idleCheckpointIntervalMs'
    | 'name'
    | 'random'
    | 'retry'
    | 'time'
  >;
}

/** What the writer needs of a stream. */
export type CheckpointStream = Pick<ChangeStream, 'acknowledge' | 'checkpoint'>;

/**
 * Saves the newest end at or below which everything is final, then acknowledges it: never the other way round (I1).
 *
 * One save at a time. A save that failed is repeated as it was, under the same revision, because it may have arrived.
 */
export class CheckpointWriter {
  readonly #context: CheckpointContext;
  readonly #store: CheckpointStore;
  readonly #stream: CheckpointStream;
  #revision: string | null;
  #position: string | null;
  #savedAtMs = -Infinity;
  #isWriting = false;
  #hurry = 0;
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = Infinity;

  constructor(
    context: CheckpointContext,
    stream: CheckpointStream,
    stored: StoredCheckpoint | null,
  ) {
    this.#context = context;
    this.#store = context.options.checkpoints;
    this.#stream = stream;
    this.#revision = stored?.revision ?? null;
    this.#position = stored?.checkpoint.position ?? null;
  }

  /** The newest saved position. */
  get position(): string | null {
    return this.#position;
  }

  get isIdle(): boolean {
    return !this.#isWriting && this.#context.tracker.ackable === null;
  }

  /** Until the result is called nothing waits for the interval. */
  hurry(): () => void {
    this.#hurry += 1;
    this.poke();
    let isOver = false;
    return () => {
      if (!isOver) this.#hurry -= 1;
      isOver = true;
    };
  }

  /** Saves now or when the interval is over, if there is anything to save. */
  poke(): void {
    const { options, signal, tracker } = this.#context;
    const mark = tracker.ackable;
    if (mark === null || this.#isWriting || signal.aborted) return;
    const hasEvents = mark.events > tracker.acknowledgedEvents;
    const intervalMs = hasEvents ? options.checkpointIntervalMs : options.idleCheckpointIntervalMs;
    const dueAtMs = this.#savedAtMs + intervalMs;
    if (this.#hurry === 0 && options.time.now() < dueAtMs) {
      this.#wakeAt(dueAtMs);
      return;
    }
    this.stop();
    this.#isWriting = true;
    this.#context.background(this.#write());
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerAtMs = Infinity;
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    this.stop();
    const { time } = this.#context.options;
    this.#timerAtMs = atMs;
    this.#cancelTimer = time.setTimeout(
      () => {
        this.stop();
        this.poke();
      },
      Math.max(atMs - time.now(), 1),
    );
  }

  async #write(): Promise<void> {
    const { conditions, emit, options, signal, tracker } = this.#context;
    // What becomes final in the same turn is saved at once.
    await Promise.resolve();
    const mark = tracker.take();
    if (mark !== null) {
      const checkpoint = this.#stream.checkpoint(mark.end);
      const replaces = this.#revision;
      const revision = randomUUID();
      await saveWithRetry(
        () => this.#store.save(options.name, checkpoint, { replaces, revision, signal }),
        options,
        signal,
      );
      signal.throwIfAborted();
      this.#revision = revision;
      this.#position = checkpoint.position;
      this.#savedAtMs = options.time.now();
      emit({ type: 'checkpoint-saved', position: checkpoint.position });
      signal.throwIfAborted();
      await this.#stream.acknowledge(mark.end);
      tracker.settle(mark);
      emit({ type: 'acknowledged', position: mark.end });
    }
    this.#isWriting = false;
    this.poke();
    conditions.check();
  }
}
