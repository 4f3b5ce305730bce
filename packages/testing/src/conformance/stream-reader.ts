import type {
  ChangeBatch,
  ChangeEvent,
  ChangeSource,
  ChangeStream,
  Checkpoint,
  Position,
} from '@certyo-cdc/core';

const LONGEST_WAIT_MS = 20_000;

const NEVER: AbortSignal = new AbortController().signal;

/** Reads a stream in the background and keeps what it gave. */
export class StreamReader implements AsyncDisposable {
  readonly stream: ChangeStream;
  readonly batches: ChangeBatch[] = [];
  /** Settles when the iteration is over; never rejects. */
  readonly over: Promise<{ readonly error: unknown } | null>;

  constructor(stream: ChangeStream) {
    this.stream = stream;
    this.over = this.#read();
  }

  /** Opens a source and reads it. */
  static async open(
    source: ChangeSource,
    after: Checkpoint | null = null,
    signal: AbortSignal = NEVER,
  ): Promise<StreamReader> {
    return new StreamReader(await source.open({ after, signal }));
  }

  get events(): readonly ChangeEvent[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  /** Everything that was committed before the call. */
  async caughtUp(): Promise<readonly ChangeEvent[]> {
    await this.stream.caughtUp({ signal: NEVER });
    await new Promise((resolve) => setImmediate(resolve));
    return this.events;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stream[Symbol.asyncDispose]();
    await this.over;
  }

  async #read(): Promise<{ readonly error: unknown } | null> {
    try {
      for await (const batch of this.stream) this.batches.push(batch);
      return null;
    } catch (error) {
      return { error };
    }
  }
}
