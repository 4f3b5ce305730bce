import type { ChangeEvent } from '../../event/change-event.ts';
import type { ChangeBatch, ChangeStream } from '../../source/change-source.ts';

/** Takes from a stream step by step, and keeps what it gave. */
export class Taker {
  readonly stream: ChangeStream;
  readonly batches: ChangeBatch[] = [];
  readonly #iterator: AsyncIterator<ChangeBatch>;

  constructor(stream: ChangeStream) {
    this.stream = stream;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  get events(): readonly ChangeEvent[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  get ids(): readonly string[] {
    return this.events.map(({ id }) => id);
  }

  /** Takes batches until it has so many events. */
  async take(events: number): Promise<void> {
    while (this.events.length < events) await this.takeBatches(1);
  }

  async takeBatches(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const next = await this.#iterator.next();
      if (next.done === true) return;
      this.batches.push(next.value);
    }
  }

  /** Takes until the stream ends; gives its error, or null. */
  async rest(): Promise<unknown> {
    try {
      for (;;) await this.takeBatches(1);
    } catch (error) {
      return error;
    }
  }

  async acknowledge(): Promise<void> {
    const end = this.batches.findLast((batch) => batch.end !== null)?.end ?? null;
    if (end !== null) await this.stream.acknowledge(end);
  }
}
