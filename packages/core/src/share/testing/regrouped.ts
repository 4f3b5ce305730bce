import type { MemorySource } from '@certyo-cdc/testing';

import type { ChangeBatch, ChangeSource, ChangeStream } from '../../source/change-source.ts';

/** The same source with other batches each time: what is there already may come together, with one end. */
export function regrouped(source: MemorySource, joins: () => boolean): ChangeSource {
  return {
    name: source.name,
    kind: source.kind,
    checkpoints: source.checkpoints,
    open: async (options) => {
      const stream = await source.open(options);
      const begin = stream.sharing?.begin;
      let given = begin === undefined ? 0 : source.eventsUpTo(begin);
      const iterator = stream[Symbol.asyncIterator]();
      let held: ChangeBatch | null = null;
      const read = async (): Promise<ChangeBatch | null> => {
        const batch = held;
        held = null;
        if (batch !== null) return batch;
        const result = await iterator.next();
        if (result.done === true) return null;
        given += result.value.events.length;
        return result.value;
      };
      const next = async (): Promise<IteratorResult<ChangeBatch>> => {
        let batch = await read();
        if (batch === null) return { done: true, value: undefined };
        while (given < source.committed.length && joins()) {
          const more = await read();
          if (more === null) break;
          // An end without changes need not be given each time.
          if (batch.events.length === 0 && more.end === null) {
            batch = more;
            continue;
          }
          // A batch without an end holds no end.
          if (batch.end !== null && more.end === null) {
            held = more;
            break;
          }
          batch = {
            events: [...batch.events, ...more.events],
            bytes: batch.bytes + more.bytes,
            end: more.end,
          };
        }
        return { done: false, value: batch };
      };
      return delegate(stream, { next });
    },
  };
}

function delegate(stream: ChangeStream, iterator: AsyncIterator<ChangeBatch>): ChangeStream {
  return {
    sharing: stream.sharing,
    [Symbol.asyncIterator]: () => iterator,
    checkpoint: (end) => stream.checkpoint(end),
    acknowledge: (end) => stream.acknowledge(end),
    lag: () => stream.lag(),
    caughtUp: (options) => stream.caughtUp(options),
    [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
  };
}
