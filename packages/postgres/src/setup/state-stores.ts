import type { CheckpointStore, DeadLetterStore } from '@certyo-cdc/core';

import { postgresCheckpointStore } from '../checkpoint/postgres-checkpoint-store.ts';
import type { ResolvedConnection } from '../connection/connection-options.ts';
import { postgresDeadLetterStore } from '../dead-letter/postgres-dead-letter-store.ts';

/** Where a source keeps its state. */
export interface StatePlace {
  readonly stateConnection: ResolvedConnection;
  readonly stateSchema: string;
}

/** Where the checkpoint and parked records of a source are kept. */
export interface StateStores {
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetterStore;
}

/**
 * The stores that come with a source: those that were given, else tables in PostgreSQL. A table's store is made when it is first
 * used, and again after it was closed, so that one source can serve one pipeline after another.
 */
export function stateStores(
  { stateConnection: connection, stateSchema: schema }: StatePlace,
  given: { readonly [Store in keyof StateStores]?: StateStores[Store] | undefined },
): StateStores {
  const place = { connection, schema };
  return {
    checkpoints: given.checkpoints ?? reopeningCheckpoints(() => postgresCheckpointStore(place)),
    deadLetters: given.deadLetters ?? reopeningDeadLetters(() => postgresDeadLetterStore(place)),
  };
}

function reopeningCheckpoints(make: () => CheckpointStore): CheckpointStore {
  const held = new Held(make);
  return {
    load: (name, options) => held.get().load(name, options),
    save: (name, checkpoint, options) => held.get().save(name, checkpoint, options),
    close: () => held.close(),
  };
}

function reopeningDeadLetters(make: () => DeadLetterStore): DeadLetterStore {
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
