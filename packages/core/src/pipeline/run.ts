import type { StoredCheckpoint } from '../checkpoint/checkpoint.ts';
import type { SentBefore } from '../sink/sink.ts';
import type { ChangeStream, SourceLag } from '../source/change-source.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { sentSinceRule } from './confirm.ts';
import { Dispatcher } from './dispatcher.ts';
import { Intake } from './intake.ts';
import { Parking } from './parking.ts';
import type { PipelineStatus } from './pipeline.ts';
import { redriveLanes, type RedriveResult } from './redrive.ts';
import { Rejections } from './rejections.ts';
import type { RunContext } from './run-context.ts';
import { watchUnacknowledged } from './watch-unacknowledged.ts';

/** The moving parts of a started pipeline. Its lifecycle is `create-pipeline.ts`. */
export class Run<Item, Row extends object> {
  readonly #context: RunContext<Item, Row>;
  readonly #stream: ChangeStream<Row>;
  readonly #parking: Parking<Item, Row>;
  readonly #dispatcher: Dispatcher<Item, Row>;
  readonly #checkpoints: CheckpointWriter;
  readonly #intake: Intake<Item, Row>;
  readonly #stopWatching: () => void;

  constructor(
    context: RunContext<Item, Row>,
    stream: ChangeStream<Row>,
    stored: StoredCheckpoint | null,
    blockedLanes: readonly string[],
    sentBefore: SentBefore | null,
  ) {
    const { options, sink } = context;
    this.#context = context;
    this.#stream = stream;
    this.#parking = new Parking(context);
    for (const lane of blockedLanes) this.#parking.block(lane);
    const rejections = new Rejections(context, this.#parking);
    this.#dispatcher = new Dispatcher(context, rejections);
    rejections.attach(this.#dispatcher);
    this.#checkpoints = new CheckpointWriter(context, stream, stored);
    this.#intake = new Intake({
      context,
      stream,
      dispatcher: this.#dispatcher,
      parking: this.#parking,
      checkpoints: this.#checkpoints,
      sentSince: sentSinceRule(sink.idempotencyWindowMs, sentBefore, () => options.time.now()),
    });
    this.#stopWatching = watchUnacknowledged(context);
  }

  /** Reads until the source ends. */
  begin(): Promise<void> {
    return this.#intake.run();
  }

  /** Lets the checkpoint follow what has become final. */
  followUp(): void {
    this.#checkpoints.poke();
  }

  async caughtUp(signal: AbortSignal): Promise<void> {
    const { conditions, tracker } = this.#context;
    await this.#stream.caughtUp({ signal });
    // What was handed over just now is taken in this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    const target = tracker.endEvents;
    await this.#hurrying(() =>
      conditions.until(() => tracker.acknowledgedEvents >= target, signal),
    );
  }

  /** Finishes what was taken, saves and acknowledges it. */
  async finish(): Promise<void> {
    const { conditions, counters } = this.#context;
    this.#intake.end();
    conditions.check();
    await this.#hurrying(() =>
      conditions.until(
        () =>
          this.#intake.isBetweenBatches && counters.inFlightItems === 0 && this.#checkpoints.isIdle,
      ),
    );
  }

  async redrive(lane: string | undefined, signal: AbortSignal): Promise<RedriveResult> {
    const { options } = this.#context;
    const store = options.deadLetters;
    if (store === null) return { delivered: 0, stillParked: 0 };
    const lanes = lane === undefined ? await store.lanes(options.name, { signal }) : [lane];
    // The letters of a lane go one by one: none has company to wait for.
    const calm = this.#dispatcher.hurry();
    try {
      return await redriveLanes(lanes, {
        context: this.#context,
        dispatcher: this.#dispatcher,
        parking: this.#parking,
        store,
        signal,
      });
    } finally {
      calm();
    }
  }

  lag(): Promise<SourceLag> {
    return this.#stream.lag();
  }

  get live(): Pick<PipelineStatus, 'blockedLanes' | 'breaker' | 'position' | 'slot' | 'copying'> {
    return {
      blockedLanes: this.#parking.blockedLanes,
      breaker: this.#dispatcher.breaker,
      position: this.#checkpoints.position,
      slot: this.#stream.slotHealth?.() ?? null,
      copying: this.#stream.progress?.() ?? [],
    };
  }

  /** Sends nothing more and leaves no timer. */
  stop(): void {
    this.#intake.end();
    this.#dispatcher.stop();
    this.#checkpoints.stop();
    this.#stopWatching();
  }

  async close(): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  async #hurrying(wait: () => Promise<void>): Promise<void> {
    const calmDispatcher = this.#dispatcher.hurry();
    const calmCheckpoints = this.#checkpoints.hurry();
    try {
      await wait();
    } finally {
      calmDispatcher();
      calmCheckpoints();
    }
  }
}
