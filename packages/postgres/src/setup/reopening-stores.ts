import type { CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';

/**
 * A checkpoint store that is made when it is first used, and again after it was closed, so that one source can serve
 * one pipeline after another.
 */
export function reopeningCheckpointStore(make: () => CheckpointStore): CheckpointStore {
  const held = new Held(make);
  return {
    load: (name, options) => held.get().load(name, options),
    save: (name, checkpoint, options) => held.get().save(name, checkpoint, options),
    close: () => held.close(),
  };
}

/** The same for parked records. */
export function reopeningDeadLetterStore(make: () => DeadLetterStore): DeadLetterStore {
  const held = new Held(make);
  return {
    park: (pipeline, letters, options) => held.get().park(pipeline, letters, options),
    lanes: (pipeline, options) => held.get().lanes(pipeline, options),
    list: (pipeline, options) => held.get().list(pipeline, options),
    remove: (pipeline, sequences, options) => held.get().remove(pipeline, sequences, options),
    close: () => held.close(),
  };
}

class Held<T extends { close(): Promise<void> }> {
  readonly #make: () => T;
  #held: T | null = null;

  constructor(make: () => T) {
    this.#make = make;
  }

  get(): T {
    this.#held ??= this.#make();
    return this.#held;
  }

  async close(): Promise<void> {
    const held = this.#held;
    this.#held = null;
    await held?.close();
  }
}
