import type { MemoryChange } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import type { ChangeEvent } from '../event/change-event.ts';
import type { ChangeSource, ChangeStream } from '../source/change-source.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';
import { type SharedSource, shareSource } from './share-source.ts';
import { idsOf, open, push, settle, world, type World } from './testing/world.ts';

const COPIED: MemoryChange = { operation: 'snapshot', key: { id: 7 }, after: { copied: true } };

/** A source that sees its stream's events through `show`, and cannot say where copied rows lie. */
function altered(
  { source, store }: World,
  show: (events: readonly ChangeEvent[]) => readonly ChangeEvent[],
  more: Pick<StreamSharing, 'placeBehindGap'> = {},
): ChangeSource {
  return {
    name: source.name,
    kind: source.kind,
    checkpoints: store,
    open: async (options) => {
      const stream = await source.open(options);
      const { sharing } = stream;
      if (sharing === undefined) throw new Error('The source in memory can be shared.');
      const altering: ChangeStream = {
        sharing: {
          ...sharing,
          ...more,
          isCovered: (event, end) =>
            event.operation !== 'snapshot' && sharing.isCovered(event, end),
        },
        async *[Symbol.asyncIterator]() {
          for await (const batch of stream) yield { ...batch, events: show(batch.events) };
        },
        checkpoint: (end) => stream.checkpoint(end),
        acknowledge: (end) => stream.acknowledge(end),
        lag: () => stream.lag(),
        caughtUp: (caughtUp) => stream.caughtUp(caughtUp),
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
      };
      return altering;
    },
  };
}

function shareOf(source: ChangeSource, more: { readonly stallMs?: number } = {}): SharedSource {
  return shareSource(source, { consumers: ['a', 'b', 'c'], maxBufferBytes: 400, ...more });
}

describe('shareSource, when the stream is read again', () => {
  test('I1: copied rows are given again, and held for whoever was given them though it had acknowledged more', async () => {
    const it = world();
    const { source } = it;
    const shared = shareOf(altered(it, (events) => events));
    const [a, b] = [await open(shared, 'a'), await open(shared, 'b')];
    push(source, 2);
    source.push([COPIED]);
    push(source, 2);
    await Promise.all([a.take(5), b.take(5)]);
    await b.acknowledge();
    const c = await open(shared, 'c');
    await c.take(5);
    await b.take(6);
    const ids = idsOf(source);
    expect(b.ids).toEqual([...ids, ids[2]]);
    // The end that it had is not given again.
    expect(b.batches.at(-1)?.end).toBeNull();
    await Promise.all([a.acknowledge(), c.acknowledge()]);
    await settle();
    expect(source.acknowledged).toBe('0000000002');
    push(source, 1);
    await Promise.all([a.take(7), b.take(7), c.take(6)]);
    await Promise.all([a.acknowledge(), b.acknowledge(), c.acknowledge()]);
    expect(source.acknowledged).toBe('0000000006');
    for (const { stream } of [a, b, c]) await stream[Symbol.asyncDispose]();
  });

  test('I1: what was given out of turn is kept for a consumer that closes before it acknowledges it', async () => {
    const it = world();
    const { source } = it;
    const shared = shareOf(altered(it, (events) => events));
    const [a, b] = [await open(shared, 'a'), await open(shared, 'b')];
    push(source, 2);
    source.push([COPIED]);
    push(source, 1);
    await Promise.all([a.take(4), b.take(4)]);
    await b.acknowledge();
    const saved = b.stream.checkpoint('0000000004' as never);
    const c = await open(shared, 'c');
    await c.take(4);
    await b.take(5);
    await b.stream[Symbol.asyncDispose]();
    await Promise.all([a.acknowledge(), c.acknowledge()]);
    expect(source.acknowledged).toBe('0000000002');
    const again = await open(shared, 'b', saved);
    push(source, 1);
    await Promise.all([again.take(2), a.take(6), c.take(5)]);
    expect(again.events.map(({ operation }) => operation)).toEqual(['snapshot', 'update']);
    for (const { stream } of [a, again, c]) await stream[Symbol.asyncDispose]();
  });

  test('a consumer within a transaction goes on in the middle of it; it has to be the same', async () => {
    for (const isSame of [true, false]) {
      // Two batches of a hundred are taken, the third is not.
      const it = world();
      const { source } = it;
      let isFirst = true;
      const shared = shareOf(
        altered(it, (events) =>
          isSame || isFirst ? events : events.filter(({ id }) => !id.endsWith('199')),
        ),
        { stallMs: 20 },
      );
      push(source, 1, 300);
      push(source, 1);
      const a = await open(shared, 'a');
      const taking = a.takeBatches(2);
      await taking;
      expect(a.events).toHaveLength(200);
      isFirst = false;
      const b = await open(shared, 'b');
      await b.take(isSame ? 301 : 299);
      if (isSame) {
        await a.take(301);
        expect(a.ids).toEqual(idsOf(source));
      } else {
        const error = await a.rest();
        expect(error).toMatchObject({ code: 'SOURCE_PROTOCOL' });
        expect(await a.rest()).toBe(error);
        expect(a.events).toHaveLength(200);
      }
      await a.stream[Symbol.asyncDispose]();
      await b.stream[Symbol.asyncDispose]();
    }
  });

  test('nobody waits for a consumer that has what is read again, though it asks for nothing', async () => {
    const it = world();
    const { source } = it;
    const shared = shareOf(source, { stallMs: 600_000 });
    push(source, 50);
    const a = await open(shared, 'a');
    await a.take(50);
    const b = await open(shared, 'b');
    await b.take(50);
    expect(b.ids).toEqual(idsOf(source));
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('I4: behind a gap a consumer that was further keeps its place, and is given the record of it, also when it comes late', async () => {
    const it = world();
    const { source } = it;
    // What no position covers stands for the record.
    source.push([COPIED]);
    push(source, 3);
    const before = await open(shareOf(source), 'a');
    await before.take(4);
    const saved = before.stream.checkpoint('0000000004' as never);
    await before.stream[Symbol.asyncDispose]();
    const placeBehindGap: StreamSharing['placeBehindGap'] = ({ position }) => position;
    const shared = shareOf(altered(it, (events) => events, { placeBehindGap }));
    const b = await open(shared, 'b');
    await b.take(4);
    const a = await open(shared, 'a', saved);
    push(source, 1);
    await Promise.all([a.take(2), b.take(6)]);
    const ids = idsOf(source);
    expect(a.ids).toEqual([ids[0], ids[4]]);
    expect(b.ids).toEqual([...ids.slice(0, 4), ids[0], ids[4]]);
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });
});
