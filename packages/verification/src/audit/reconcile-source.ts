import type {
  ChangeBatch,
  ChangeEvent,
  ChangeSource,
  ChangeStream,
  Checkpoint,
  CheckpointStore,
  Position,
  StoredCheckpoint,
} from '@certyo-cdc/core';
import { onAbort } from '@certyo-cdc/core/internal';

const BATCH = 500;
const NAME = 'certyo-audit';

/** A source of events that are made already: what a reconciliation sends goes the way of every other change. */
export function reconcileSource(events: readonly ChangeEvent[]): ChangeSource {
  return {
    name: NAME,
    kind: 'audit',
    checkpoints: forgetfulStore(),
    open: async ({ signal }) => openStream(events, signal),
  };
}

function openStream(events: readonly ChangeEvent[], signal: AbortSignal): ChangeStream {
  const end = String(events.length) as Position;
  let isHandedOver = events.length === 0;
  let isClosed = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo() && !isClosed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          waiting.delete(done);
          resolve();
        };
        waiting.add(done);
      });
    }
    signal.throwIfAborted();
  };
  const release = onAbort(signal, wake);
  return {
    async *[Symbol.asyncIterator](): AsyncGenerator<ChangeBatch> {
      for (let at = 0; at < events.length; at += BATCH) {
        const part = events.slice(at, at + BATCH);
        const isLast = at + BATCH >= events.length;
        if (isLast) isHandedOver = true;
        yield { events: part, bytes: part.length, end: isLast ? end : null };
        wake();
      }
      await until(() => false);
    },
    checkpoint: (position): Checkpoint => ({
      kind: 'audit',
      identity: { name: NAME },
      position,
      epoch: 0,
      state: null,
    }),
    acknowledge: () => Promise.resolve(),
    lag: () => Promise.resolve({ bytes: null, ms: null }),
    caughtUp: () => until(() => isHandedOver),
    [Symbol.asyncDispose]() {
      isClosed = true;
      release();
      wake();
      return Promise.resolve();
    },
  };
}

/** Nothing of it is to be gone on with: what was not sent is found by the next audit. */
function forgetfulStore(): CheckpointStore {
  let stored: StoredCheckpoint | null = null;
  return {
    load: () => Promise.resolve(stored),
    save(_name, checkpoint, { revision }) {
      stored = { checkpoint, revision, savedAtMs: Date.now() };
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
