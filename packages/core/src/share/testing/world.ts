import {
  type MemoryCheckpointStore,
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySource,
  type MemorySource,
} from '@certyo-cdc/testing';

import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import type { SourceEvent } from '../../source/source-event.ts';
import type { ShareOptions } from '../share-options.ts';
import { type SharedSource, shareSource } from '../share-source.ts';
import { Taker } from './take.ts';

export const signal: AbortSignal = new AbortController().signal;

export interface World {
  readonly source: MemorySource;
  readonly store: MemoryCheckpointStore;
  /** A process of its own. */
  share(options?: Partial<ShareOptions>): SharedSource;
}

/** A source in memory with a store, and shares over it with the consumers a and b. */
export function world(): World {
  const store = memoryCheckpointStore();
  const source = memorySource({ checkpoints: store, deadLetters: memoryDeadLetterStore() });
  return {
    source,
    store,
    share: (options = {}) => shareSource(source, { consumers: ['a', 'b'], ...options }),
  };
}

export async function open(
  shared: SharedSource,
  name: string,
  after: Checkpoint | null = null,
  onEvent: (event: SourceEvent) => void = () => {},
): Promise<Taker> {
  return new Taker(await shared.consumer(name).open({ after, signal, onEvent }));
}

/** Commits transactions of `size` changes. */
export function push(source: MemorySource, transactions: number, size = 1): void {
  for (let n = 0; n < transactions; n += 1) {
    source.push(
      Array.from({ length: size }, (_, id) => ({ operation: 'update', key: { id }, after: { n } })),
    );
  }
}

export function idsOf(source: MemorySource): readonly string[] {
  return source.committed.map(({ id }) => id);
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
