import {
  memoryCheckpointStore,
  memoryDeadLetterStore,
  memorySink,
  memorySource,
  type MemoryChange,
} from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { HttpStatusError } from '../errors/delivery-error.ts';
import { createPipeline } from './create-pipeline.ts';

const QUICK = { checkpointIntervalMs: 1, batch: { lingerMs: 1 } } as const;

function update(id: number, value: number): MemoryChange {
  return { operation: 'update', key: { id }, after: { id, value } };
}

describe('createPipeline, parking', () => {
  test('I3: what was parked is not overtaken when the next life halts instead of parking', async () => {
    const deadLetters = memoryDeadLetterStore();
    const source = memorySource({ checkpoints: memoryCheckpointStore(), deadLetters });
    const error = new HttpStatusError(422, 'Unprocessable.');
    const refusing = memorySink({
      faults: ({ items }) => items.map(() => ({ type: 'rejected', error, scope: 'item' })),
    });
    const first = createPipeline(source, refusing, { ...QUICK, onRejected: 'park' });
    await first.start();
    const [one] = source.push([update(1, 1)]);
    await first.caughtUp();
    await first.drain();
    const sink = memorySink();
    const second = createPipeline(source, sink, { ...QUICK, onRejected: 'halt' });
    await second.start();
    const [two] = source.push([update(1, 2)]);
    await second.caughtUp();
    expect(sink.effects).toEqual([]);
    expect(await second.redrive()).toEqual({ delivered: 2, stillParked: 0 });
    expect(sink.effects.map(({ eventId }) => eventId)).toEqual([one?.id, two?.id]);
    await second.drain();
  });
});
