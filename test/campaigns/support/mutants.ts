import type { ChangeSource, ChangeStream, Checkpoint, CheckpointStore } from '@certyo-cdc/core';

/**
 * A deliberately broken build: every end is saved and acknowledged as soon as it is received, before anything of it is
 * delivered. A campaign that does not catch it proves nothing.
 */
export function acknowledgeOnReceive(source: ChangeSource): ChangeSource {
  const inner = source.checkpoints;
  if (inner === undefined) throw new Error('The source has no checkpoint store.');
  let replaces: string | null = null;
  let count = 0;
  const saved = new Map<string, Checkpoint>();
  const checkpoints: CheckpointStore = {
    load: async (name, options) => {
      const stored = await inner.load(name, options);
      replaces = stored?.revision ?? null;
      return stored;
    },
    // What the pipeline saves in time is too late for the mutant.
    save: () => Promise.resolve(),
    close: () => inner.close(),
  };
  return {
    ...source,
    checkpoints,
    open: async (options) => {
      const stream = await source.open(options);
      const saveNow = async (end: Parameters<ChangeStream['acknowledge']>[0]): Promise<void> => {
        const revision = `mutant-${process.pid}-${(count += 1)}`;
        const { signal } = options;
        const checkpoint = stream.checkpoint(end);
        saved.set(end, checkpoint);
        await inner.save(source.name, checkpoint, { replaces, revision, signal });
        replaces = revision;
        await stream.acknowledge(end);
      };
      return {
        [Symbol.asyncIterator]: () => {
          const iterator = stream[Symbol.asyncIterator]();
          return {
            next: async () => {
              const result = await iterator.next();
              if (result.done !== true && result.value.end !== null) {
                await saveNow(result.value.end);
              }
              return result;
            },
          };
        },
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
        checkpoint: (end) => saved.get(end) ?? stream.checkpoint(end),
        acknowledge: () => Promise.resolve(),
        lag: () => stream.lag(),
        caughtUp: (caughtUp) => stream.caughtUp(caughtUp),
      };
    },
  };
}
