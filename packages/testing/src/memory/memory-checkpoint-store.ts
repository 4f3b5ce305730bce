import { randomUUID } from 'node:crypto';

import {
  CheckpointFencedError,
  type Checkpoint,
  type CheckpointStore,
  type StoredCheckpoint,
} from '@certyo-cdc/core';

/** A checkpoint store in memory, to look into and to set up. */
export interface MemoryCheckpointStore extends CheckpointStore {
  /** What is stored under a name, else null. */
  peek(name: string): StoredCheckpoint | null;
  /** Stores a checkpoint as another process would. */
  overwrite(name: string, checkpoint: Checkpoint, savedAtMs?: number): void;
  /** Saves so far. */
  readonly saves: number;
  /** Called before a save is stored; what it throws becomes the rejection. */
  onSave: ((name: string, checkpoint: Checkpoint) => void | Promise<void>) | null;
  /** Called when a save is stored, before its answer; what it throws is a lost answer. */
  onSaved: ((name: string, checkpoint: Checkpoint) => void | Promise<void>) | null;
}

/** Options of `memoryCheckpointStore`. */
export interface MemoryCheckpointStoreOptions {
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
}

class InMemoryCheckpointStore implements MemoryCheckpointStore {
  onSave: MemoryCheckpointStore['onSave'] = null;
  onSaved: MemoryCheckpointStore['onSaved'] = null;
  readonly #stored: Map<string, StoredCheckpoint> = new Map();
  readonly #now: () => number;
  #saves = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get saves(): number {
    return this.#saves;
  }

  peek(name: string): StoredCheckpoint | null {
    return this.#stored.get(name) ?? null;
  }

  overwrite(name: string, checkpoint: Checkpoint, savedAtMs: number = this.#now()): void {
    this.#stored.set(name, { checkpoint, revision: randomUUID(), savedAtMs });
  }

  async load(
    name: string,
    options: { readonly signal: AbortSignal },
  ): Promise<StoredCheckpoint | null> {
    options.signal.throwIfAborted();
    return this.peek(name);
  }

  async save(
    name: string,
    checkpoint: Checkpoint,
    options: {
      readonly replaces: string | null;
      readonly revision: string;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    options.signal.throwIfAborted();
    await this.onSave?.(name, checkpoint);
    options.signal.throwIfAborted();
    const stored = this.#stored.get(name) ?? null;
    if (stored?.revision !== options.revision) {
      if ((stored?.revision ?? null) !== options.replaces) {
        throw new CheckpointFencedError(`Another process has saved a checkpoint of "${name}".`);
      }
      const copy = structuredClone(checkpoint);
      const { revision } = options;
      this.#stored.set(name, { checkpoint: copy, revision, savedAtMs: this.#now() });
      this.#saves += 1;
    }
    await this.onSaved?.(name, checkpoint);
  }

  async close(): Promise<void> {}
}

/** A checkpoint store in memory. Keeps what is saved for as long as the object lives, also after `close()`. */
export function memoryCheckpointStore(
  options: MemoryCheckpointStoreOptions = {},
): MemoryCheckpointStore {
  return new InMemoryCheckpointStore(options.now ?? Date.now);
}
