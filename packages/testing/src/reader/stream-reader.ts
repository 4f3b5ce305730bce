import {
  type ChangeBatch,
  type ChangeEvent,
  type ChangeStream,
  type Checkpoint,
  isRowChange,
  type OpenOptions,
  type Position,
  type RowChange,
  type SourceEvent,
} from '@certyo-cdc/core';

import { tell } from './tell.ts';

const LONGEST_WAIT_MS = 60_000;

/** How `openReader` reads. */
export interface ReaderOptions {
  /** Where to go on. @default the source's own beginning */
  readonly after?: Checkpoint | null | undefined;
  /** Pulls no batch behind the first with changes until `resume()`. @default false */
  readonly paused?: boolean | undefined;
  /** Pauses behind so many batches. @default never */
  readonly pauseAfter?: number | undefined;
  /** Where to put what the source reports, to be looked at before it is open. @default a list of its own */
  readonly sourceEvents?: SourceEvent[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Opens a source and reads it in the background. */
export async function openReader<Stream extends ChangeStream>(
  source: { open(options: OpenOptions): Promise<Stream> },
  options: ReaderOptions = {},
): Promise<StreamReader<Stream>> {
  const { after = null, sourceEvents = [], signal = new AbortController().signal } = options;
  const onEvent = (event: SourceEvent): void => void sourceEvents.push(event);
  const stream = await source.open({ after, signal, onEvent });
  return new StreamReader(stream, { ...options, sourceEvents, signal });
}

/** Reads a stream in the background and keeps what it gives. */
export class StreamReader<Stream extends ChangeStream = ChangeStream> implements AsyncDisposable {
  readonly stream: Stream;
  readonly batches: ChangeBatch[] = [];
  readonly events: ChangeEvent[] = [];
  readonly sourceEvents: readonly SourceEvent[];
  /** What the iteration ended with; null while it runs or after an orderly end. */
  failure: unknown = null;
  /** The newest end that was given. */
  end: Position | null = null;
  readonly #signal: AbortSignal;
  readonly #pauseAfter: number | undefined;
  readonly #done: Promise<void>;
  #gate: Promise<void> | null = null;
  #openGate: () => void = () => undefined;

  constructor(
    stream: Stream,
    options: ReaderOptions & {
      readonly sourceEvents: readonly SourceEvent[];
      readonly signal: AbortSignal;
    },
  ) {
    this.stream = stream;
    this.sourceEvents = options.sourceEvents;
    this.#signal = options.signal;
    this.#pauseAfter = options.pauseAfter;
    this.#done = this.#read();
    if (options.paused === true) this.pause();
  }

  /**
   * No further batch is pulled behind one with changes until `resume`. Ends without changes pass: such a one comes when
   * others have written enough to the server's log.
   */
  pause(): void {
    this.#gate ??= new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  resume(): void {
    this.#gate = null;
    this.#openGate();
  }

  /** Resolves when everything committed before has been given; rejects with what the stream failed with. */
  async caughtUp(): Promise<this> {
    await this.stream.caughtUp({ signal: this.#signal });
    // What was handed over last has been taken by then.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failure !== null) throw this.failure;
    return this;
  }

  /** The first end that covers at least so many events; it may come after the last of them. */
  async endAfter(events: number): Promise<{ readonly end: Position; readonly events: number }> {
    const deadlineMs = Date.now() + LONGEST_WAIT_MS;
    for (;;) {
      let count = 0;
      for (const batch of this.batches) {
        count += batch.events.length;
        if (batch.end !== null && count >= events) return { end: batch.end, events: count };
      }
      if (Date.now() > deadlineMs) throw new Error(`No end covers ${events} events.`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The newest end as it would be saved. */
  checkpoint(): Checkpoint {
    if (this.end === null) throw new Error('No end has been given yet.');
    return this.stream.checkpoint(this.end);
  }

  /** Acknowledges the newest end and gives its checkpoint, as a store would have it. */
  async acknowledge(): Promise<Checkpoint> {
    const checkpoint = JSON.parse(JSON.stringify(this.checkpoint())) as Checkpoint;
    await this.stream.acknowledge(checkpoint.position);
    return checkpoint;
  }

  /** Waits until the iteration has ended; gives what it failed with, null after an orderly end. */
  async ended(): Promise<unknown> {
    await this.#done;
    return this.failure;
  }

  get rows(): RowChange[] {
    return this.events.filter((event) => isRowChange(event));
  }

  /** One short text per event: `insert t {"id":1,…}`. */
  get told(): string[] {
    return this.events.map(tell);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await this.stream[Symbol.asyncDispose]();
    await this.#done;
  }

  async #read(): Promise<void> {
    try {
      for await (const batch of this.stream) {
        this.batches.push(batch);
        this.events.push(...batch.events);
        if (batch.end !== null) this.end = batch.end;
        if (this.batches.length === this.#pauseAfter) this.pause();
        while (this.#gate !== null && batch.events.length > 0) await this.#gate;
      }
    } catch (error) {
      this.failure = error;
    }
  }
}
