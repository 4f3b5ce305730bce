import { randomUUID } from 'node:crypto';

import type {
  Checkpoint,
  CheckpointStore,
  Position,
  StoredCheckpoint,
} from '../checkpoint/checkpoint.ts';
import { PipelineStateError } from '../errors/pipeline-state-error.ts';
import type { ChangeStream } from '../source/change-source.ts';
import type { Tally } from '../windows/tally.ts';
import type { CheckpointSpan } from '../windows/window-store.ts';
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
    | 'sourceName'
    | 'time'
    | 'windows'
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
  #position: Position | null;
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
      const { windows } = options;
      if (windows !== null) {
        const span = this.#span(checkpoint, revision, mark.tally);
        await saveWithRetry(() => windows.stage(span, { signal }), options, signal);
      }
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
      if (windows !== null) {
        await saveWithRetry(
          () => windows.saved(options.name, revision, { signal }),
          options,
          signal,
        );
      }
    }
    this.#isWriting = false;
    this.poke();
    conditions.check();
  }

  /** What the checkpoint covers that the one before it did not. */
  #span(checkpoint: Checkpoint, revision: string, tally: Tally | null): CheckpointSpan {
    const { name, sourceName } = this.#context.options;
    const counts = tally?.counts() ?? [];
    const odd = counts.find(
      ({ captured, delivered, parked, skipped }) => captured !== delivered + skipped + parked,
    );
    if (odd !== undefined) {
      throw new PipelineStateError(
        `Pipeline "${name}" cannot say what became of each ${odd.operation} of ${odd.table}.`,
        { remedy: 'Nothing is acknowledged, so nothing is lost: report it.' },
      );
    }
    const { epoch, identity, kind, position } = checkpoint;
    return {
      pipeline: name,
      source: { name: sourceName, kind, epoch, identity },
      from: this.#position,
      to: position,
      replaces: this.#revision,
      revision,
      counts,
      versions: tally?.versions ?? null,
      committed: tally?.committed ?? null,
    };
  }
}
