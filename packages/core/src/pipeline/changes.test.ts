import { memoryCheckpointStore, memorySource } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { ConfigurationError } from '../errors/configuration-error.ts';
import { CheckpointError } from '../errors/store-error.ts';
import { changes } from './changes.ts';

function insert(id: number): { operation: 'insert'; key: { id: number } } {
  return { operation: 'insert', key: { id } };
}

describe('changes', () => {
  test('I1: acknowledges the last transaction of which every change was passed', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    source.push([insert(1), insert(2)]);
    source.push([insert(3), insert(4)]);
    const seen: string[] = [];
    for await (const event of changes(source)) {
      seen.push(event.id);
      if (seen.length === 3) break;
    }
    expect(source.acknowledged).toBe('0000000001');
    expect(source.openStreams).toBe(0);
    const again: string[] = [];
    for await (const event of changes(source)) {
      again.push(event.id);
      if (again.length === 2) break;
    }
    expect(again).toEqual(source.committed.slice(2).map((event) => event.id));
  });

  test('saves while it waits for the next change, and rejects with the reason of the signal', async () => {
    const source = memorySource({ checkpoints: memoryCheckpointStore() });
    source.push([insert(1)]);
    const abort = new AbortController();
    const iterator = changes(source, { signal: abort.signal, checkpointIntervalMs: 1 });
    await iterator.next();
    const waiting = iterator.next();
    await expect.poll(() => source.acknowledged).toBe('0000000001');
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(source.openStreams).toBe(0);
  });

  test('an error of the store ends a waiting iteration', async () => {
    const checkpoints = memoryCheckpointStore();
    const source = memorySource({ checkpoints });
    source.push([insert(1)]);
    const error = new CheckpointError('The table is missing.', { retryable: false });
    checkpoints.onSave = () => {
      throw error;
    };
    const iterator = changes(source, { checkpointIntervalMs: 1 });
    await iterator.next();
    await expect(iterator.next()).rejects.toBe(error);
    expect(source.acknowledged).toBeNull();
  });

  test('a source without a place for the checkpoint is refused at once', () => {
    expect(() => changes(memorySource())).toThrow(ConfigurationError);
  });
});
