import { describe, expect, test } from 'vitest';
import { memorySink, type MemoryItem } from './memory-sink.ts';

const ITEM: MemoryItem = {
  eventId: 'a',
  lane: 't:1',
  operation: 'insert',
  version: '1',
  payload: '{}',
};

describe(memorySink, () => {
  test('I4: a redelivery has no effect, and one under another version or payload shows as a repeat', async () => {
    const sink = memorySink();
    const options = { attempt: 1, signal: new AbortController().signal };
    const later = { ...ITEM, version: '2' };
    const other = { ...ITEM, payload: '{"v":1}' };
    for (const item of [ITEM, ITEM, later, other]) await sink.deliver([item], options);
    expect(sink.effects).toEqual([ITEM]);
    expect(sink.repeats).toEqual([later, other]);
  });
});
