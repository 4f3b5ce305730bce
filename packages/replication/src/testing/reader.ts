import type {
  ChangeBatch,
  ChangeEvent,
  ChangeSource,
  ChangeStream,
  Checkpoint,
  Position,
  RowChange,
  SourceEvent,
} from '@certyo-cdc/core';
import { isRowChange } from '@certyo-cdc/core';

/** Reads a source in the background and keeps what it gives. */
export class Reader implements AsyncDisposable {
  readonly stream: ChangeStream;
  readonly batches: ChangeBatch[] = [];
  readonly events: ChangeEvent[] = [];
  readonly sourceEvents: SourceEvent[];
  /** What the iteration ended with; null while it runs or after an orderly end. */
  failure: unknown = null;
  /** The newest end that was given. */
  end: Position | null = null;
  readonly #abort: AbortController;
  readonly #done: Promise<void>;
  #gate: Promise<void> | null = null;
  #openGate: () => void = () => undefined;

  private constructor(stream: ChangeStream, abort: AbortController, sourceEvents: SourceEvent[]) {
    this.stream = stream;
    this.#abort = abort;
    this.sourceEvents = sourceEvents;
    this.#done = this.#read();
  }

  static async open(
    source: ChangeSource,
    options: {
      readonly after?: Checkpoint | null;
      readonly paused?: boolean;
      /** Where to put what the source reports, to be looked at before it is open. */
      readonly sourceEvents?: SourceEvent[];
    } = {},
  ): Promise<Reader> {
    const abort = new AbortController();
    const sourceEvents = options.sourceEvents ?? [];
    const stream = await source.open({
      after: options.after ?? null,
      signal: abort.signal,
      onEvent: (event) => {
        sourceEvents.push(event);
      },
    });
    const reader = new Reader(stream, abort, sourceEvents);
    if (options.paused === true) reader.pause();
    return reader;
  }

  /**
   * No further batch is pulled behind one with changes until `resume`. Ends without changes pass: one comes when other
   * tests have written enough to the server's log.
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
    await this.stream.caughtUp({ signal: this.#abort.signal });
    if (this.failure !== null) throw this.failure;
    return this;
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

  /** Waits until the iteration has ended. */
  async ended(): Promise<unknown> {
    await this.#done;
    return this.failure;
  }

  get rows(): RowChange[] {
    return this.events.filter((event) => isRowChange(event));
  }

  /** One short text per event: `insert t {"id":1} {"id":1,…}`. */
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
        while (this.#gate !== null && batch.events.length > 0) await this.#gate;
      }
    } catch (error) {
      this.failure = error;
    }
  }
}

/** An event in one line. */
export function tell(event: ChangeEvent): string {
  if (isRowChange(event)) return `${event.operation} ${event.table.name} ${event.canonicalRow()}`;
  if (event.operation === 'message') return 'message';
  if (event.operation === 'gap') return `gap ${event.code}`;
  return `${event.operation} ${event.table.name}`;
}
