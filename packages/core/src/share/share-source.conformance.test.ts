import { type MemoryChange, memoryCheckpointStore, memorySource } from '@certyo-cdc/testing';
import {
  type ChangeSourceFixture,
  describeChangeSource,
  type RowStatement,
} from '@certyo-cdc/testing/vitest';

import type { ChangeStream } from '../source/change-source.ts';
import { shareSource } from './share-source.ts';

function changeOf(statement: RowStatement): MemoryChange {
  const { id, operation } = statement;
  if (operation === 'delete') return { operation, key: { id } };
  return { operation, key: { id }, after: { id, value: statement.value } };
}

/** Each call of `source` is a process of its own: what remains is the log and the store. */
function fixture(consumers: readonly string[], isAccompanied: boolean): ChangeSourceFixture {
  const checkpoints = memoryCheckpointStore();
  const source = memorySource({ checkpoints });
  const others: ChangeStream[] = [];
  return {
    source: () => {
      const shared = shareSource(source, { consumers });
      const consumer = shared.consumer('a');
      if (!isAccompanied) return consumer;
      return {
        ...consumer,
        open: async (options) => {
          const stream = await consumer.open(options);
          const other = await shared
            .consumer('b')
            .open({ after: null, signal: new AbortController().signal });
          others.push(other);
          const dispose = stream[Symbol.asyncDispose].bind(stream);
          const reading = readAll(other);
          stream[Symbol.asyncDispose] = async () => {
            await other[Symbol.asyncDispose]();
            await reading;
            await dispose();
          };
          return stream;
        },
      };
    },
    commit: async (statements): Promise<void> => void source.push(statements.map(changeOf)),
    rollBack: async (): Promise<void> => {},
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await Promise.all(others.map((other) => other[Symbol.asyncDispose]()));
    },
  };
}

async function readAll(stream: ChangeStream): Promise<void> {
  try {
    for await (const _ of stream);
  } catch {
    // It ends with the one that is looked at.
  }
}

describeChangeSource('shareSource, a consumer alone', {
  create: async () => fixture(['a'], false),
});
describeChangeSource('shareSource, another one is not started', {
  create: async () => fixture(['a', 'b'], false),
});
describeChangeSource('shareSource, another one reads too and acknowledges nothing', {
  create: async () => fixture(['a', 'b'], true),
});
