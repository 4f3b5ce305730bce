import { DeliveryConnectionError } from '@certyo-cdc/core';

import type { MemoryChange } from '../memory/memory-event.ts';
import { memorySink, type MemoryItem } from '../memory/memory-sink.ts';
import { memorySource } from '../memory/memory-source.ts';
import type { RowStatement } from './change-source-harness.ts';
import { describeChangeSource } from './describe-change-source.ts';
import { memoryReceiptStore } from '../memory/memory-receipt-store.ts';
import { describeReceiptStore } from './describe-receipt-store.ts';
import { describeSink } from './describe-sink.ts';

function changeOf(statement: RowStatement): MemoryChange {
  const { id, operation } = statement;
  if (operation === 'delete') return { operation, key: { id } };
  return { operation, key: { id }, after: { id, value: statement.value } };
}

for (const shows of ['every-change', 'latest-state'] as const) {
  describeChangeSource(`memorySource, ${shows}`, {
    shows,
    create: async () => {
      const source = memorySource({ shows });
      return {
        source: () => source,
        commit: async (statements): Promise<void> => void source.push(statements.map(changeOf)),
        rollBack: async (): Promise<void> => {},
        [Symbol.asyncDispose]: async (): Promise<void> => {},
      };
    },
  });
}

describeChangeSource('memorySource, latest-state without deletes', {
  shows: 'latest-state',
  seesDeletes: false,
  create: async () => {
    const source = memorySource({ shows: 'latest-state' });
    return {
      source: () => source,
      commit: async (statements): Promise<void> => {
        const seen = statements.filter(({ operation }) => operation !== 'delete').map(changeOf);
        source.push(seen);
      },
      rollBack: async (): Promise<void> => {},
      [Symbol.asyncDispose]: async (): Promise<void> => {},
    };
  },
});

describeSink<MemoryItem>('memorySink', {
  create: async () => {
    const sink = memorySink({ confirms: true });
    const error = new DeliveryConnectionError('The other side is away.');
    return {
      sink,
      effects: async () => sink.effects.length,
      loseNextAnswer: async () => {
        sink.faults = (request) => {
          sink.faults = null;
          request.apply();
          return request.items.map(() => ({ type: 'retry', error, inDoubt: true }));
        };
      },
      goDown: async () => {
        sink.faults = ({ items }) => items.map(() => ({ type: 'retry', error, inDoubt: false }));
        return async () => {
          sink.faults = null;
        };
      },
      [Symbol.asyncDispose]: async (): Promise<void> => {},
    };
  },
});

describeReceiptStore('memoryReceiptStore', {
  create: async () => {
    const store = memoryReceiptStore();
    return {
      store,
      count: async () => store.receipts.length,
      [Symbol.asyncDispose]: async (): Promise<void> => {},
    };
  },
});
