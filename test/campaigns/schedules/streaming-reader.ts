import type {
  ChangeEvent,
  ChangeSource,
  ChangeStream,
  Checkpoint,
  JsonValue,
} from '@certyo-cdc/core';
import type { Client } from 'pg';

const { signal } = new AbortController();

/** Reads a source and keeps its events as JSON; what comes again after a restart replaces what it gave before. */
export class StreamingReader implements AsyncDisposable {
  readonly slot: string;
  readonly #source: Pick<ChangeSource, 'open'>;
  #stream: ChangeStream | null = null;
  #reading: Promise<void> = Promise.resolve();
  #checkpoint: Checkpoint | null = null;
  #events: JsonValue[] = [];
  /** How many events lie before the checkpoint, and before the newest end. */
  #saved = 0;
  #ended: { readonly count: number; readonly acknowledge: () => Promise<Checkpoint> } | null = null;
  #failure: unknown = null;

  constructor(slot: string, source: Pick<ChangeSource, 'open'>) {
    this.slot = slot;
    this.#source = source;
  }

  async open(): Promise<void> {
    const stream = await this.#source.open({ after: this.#checkpoint, signal });
    this.#stream = stream;
    this.#reading = this.#read(stream).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Dies, and goes on from the checkpoint. */
  async restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#events.length = this.#saved;
    await this.open();
  }

  /** Loses its connection. */
  async cut(client: Client): Promise<void> {
    await client.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL',
      [this.slot],
    );
  }

  /** Saves what it was given, as a pipeline does. */
  async acknowledge(): Promise<void> {
    const ended = this.#ended;
    if (ended === null) return;
    this.#checkpoint = await ended.acknowledge();
    this.#saved = ended.count;
  }

  /** Everything that was committed up to now, since it was asked before. */
  async take(): Promise<readonly JsonValue[]> {
    await this.#stream?.caughtUp({ signal });
    if (this.#failure !== null) throw this.#failure;
    await this.acknowledge();
    const events = this.#events;
    this.#events = [];
    this.#saved = 0;
    this.#ended = null;
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    this.#ended = null;
    await stream?.[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #read(stream: ChangeStream): Promise<void> {
    for await (const { events, end } of stream) {
      for (const event of events) this.#events.push(comparable(event));
      if (end === null) continue;
      const count = this.#events.length;
      const acknowledge = async (): Promise<Checkpoint> => {
        const checkpoint = structuredClone(stream.checkpoint(end));
        await stream.acknowledge(end);
        return checkpoint;
      };
      this.#ended = { count, acknowledge };
    }
  }
}

/** An event as JSON, without what the catalog adds when it is read: whether a column that is gone by now took null. */
function comparable(event: ChangeEvent): JsonValue {
  const text = JSON.stringify(event, (name, value: unknown) =>
    name === 'nullable' ? null : value,
  );
  return JSON.parse(text) as JsonValue;
}
