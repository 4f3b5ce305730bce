import { describe, expect, test } from 'vitest';

import type { SourceEvent } from '../source/source-event.ts';
import { idsOf, open, push, settle, signal, world } from './testing/world.ts';

describe('shareSource', () => {
  test('I7: memory is bounded: while one takes nothing, reading waits', async () => {
    const { share, source } = world();
    const shared = share({ maxBufferBytes: 1_000, stallMs: false });
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    push(source, 100);
    const taking = a.take(100);
    await settle();
    // A hundred bytes each.
    expect(a.events).toHaveLength(10);
    await b.take(5);
    await settle();
    expect(a.events).toHaveLength(15);
    await Promise.all([taking, b.take(100)]);
    expect(b.ids).toEqual(idsOf(source));
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('reading goes on without one that is stuck; when it takes again it gets everything', async () => {
    const { share, source } = world();
    const shared = share({ maxBufferBytes: 1_000, stallMs: 20 });
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    push(source, 100);
    await b.take(3);
    await a.take(100);
    expect(a.ids).toEqual(idsOf(source));
    await a.acknowledge();
    expect(source.acknowledged).toBeNull();
    push(source, 10);
    await b.take(110);
    expect(b.ids).toEqual(idsOf(source));
    await a.take(110);
    expect(a.ids).toEqual(idsOf(source));
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('`pause`: nothing more is read while one lags beyond its limit, until it acknowledges or goes', async () => {
    const { share, source } = world();
    const shared = share({ maxLagEvents: 10 });
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    push(source, 50);
    await Promise.all([a.take(5), b.take(5)]);
    await a.acknowledge();
    const taking = a.take(50);
    await settle();
    expect(a.events).toHaveLength(11);
    // When both have acknowledged as much, nobody holds up anybody.
    await b.acknowledge();
    await taking;
    await a.acknowledge();
    push(source, 1);
    const more = a.take(51);
    await settle();
    expect(a.events).toHaveLength(50);
    await b.stream[Symbol.asyncDispose]();
    await more;
    expect(a.ids).toEqual(idsOf(source));
    await a.stream[Symbol.asyncDispose]();
  });

  test('`detach`: one that lags beyond its limit is in a gap of its own, for ever; the others go on', async () => {
    const { share, source, store } = world();
    const options = { maxLagEvents: 10, onLaggard: 'detach' } as const;
    const shared = share(options);
    const told: SourceEvent[] = [];
    const a = await open(shared, 'a', null, (event) => told.push(event));
    const b = await open(shared, 'b');
    push(source, 50);
    await b.take(4);
    const saved = b.stream.checkpoint(b.batches[1]?.end ?? ('' as never));
    await b.stream.acknowledge(saved.position);
    for (let taken = 5; taken <= 50; taken += 5) {
      await a.take(taken);
      await a.acknowledge();
    }
    expect(await b.rest()).toMatchObject({ code: 'GAP_CONSUMER_DETACHED' });
    await expect(b.acknowledge()).rejects.toMatchObject({ code: 'GAP_CONSUMER_DETACHED' });
    expect(told).toContainEqual(
      expect.objectContaining({ type: 'source-warned', code: 'consumer-detached' }),
    );
    expect(source.acknowledged).toBe('0000000050');
    await b.stream[Symbol.asyncDispose]();
    for (const after of [saved, null]) {
      await expect(open(shared, 'b', after)).rejects.toMatchObject({
        code: 'GAP_CONSUMER_DETACHED',
      });
    }
    push(source, 1);
    await a.take(51);
    await a.stream[Symbol.asyncDispose]();
    // Another process knows it too, also of one that had no checkpoint.
    for (const after of [saved, null]) {
      await expect(open(share(options), 'b', after)).rejects.toMatchObject({
        code: 'GAP_CONSUMER_DETACHED',
      });
    }
    expect(store.peek('memory')?.checkpoint.state).toEqual({
      sharing: { detached: { b: saved.position } },
    });
    // The source does not see it.
    const plain = await source.open({ after: store.peek('memory')?.checkpoint ?? null, signal });
    await plain[Symbol.asyncDispose]();
  });

  test('`detach` counts one that is not started too, though what it lost may be in memory still', async () => {
    const { share, source } = world();
    const shared = share({ maxLagEvents: 10, onLaggard: 'detach', consumers: ['a', 'b', 'c'] });
    const a = await open(shared, 'a');
    const b = await open(shared, 'b');
    push(source, 30);
    await b.take(2);
    await b.acknowledge();
    const saved = b.stream.checkpoint('0000000002' as never);
    await a.take(5);
    await a.acknowledge();
    await a.take(30);
    expect(await b.rest()).toMatchObject({ code: 'GAP_CONSUMER_DETACHED' });
    await b.stream[Symbol.asyncDispose]();
    // Both were given up when the first five had been acknowledged.
    await a.acknowledge();
    expect(source.acknowledged).toBe('0000000030');
    await expect(open(shared, 'c')).rejects.toMatchObject({ code: 'GAP_CONSUMER_DETACHED' });
    await expect(open(shared, 'b', saved)).rejects.toMatchObject({ code: 'GAP_CONSUMER_DETACHED' });
    await a.stream[Symbol.asyncDispose]();
  });

  test('one that was not declared for a while is refused; a new one begins at the source', async () => {
    const { share, source } = world();
    const first = share();
    const [a, b] = await Promise.all([open(first, 'a'), open(first, 'b')]);
    push(source, 4);
    await Promise.all([a.take(2), b.take(2)]);
    await Promise.all([a.acknowledge(), b.acknowledge()]);
    const saved = b.stream.checkpoint('0000000002' as never);
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
    const alone = share({ consumers: ['a'] });
    const after = a.stream.checkpoint('0000000002' as never);
    const again = await open(alone, 'a', after);
    await again.take(2);
    await again.acknowledge();
    expect(source.acknowledged).toBe('0000000004');
    await again.stream[Symbol.asyncDispose]();
    await expect(open(share(), 'b', saved)).rejects.toMatchObject({
      code: 'GAP_CONSUMER_DETACHED',
    });
    const fresh = await open(share({ consumers: ['a', 'c'] }), 'c');
    push(source, 1);
    await fresh.take(1);
    expect(fresh.ids).toEqual(idsOf(source).slice(4));
    await fresh.stream[Symbol.asyncDispose]();
  });
});
