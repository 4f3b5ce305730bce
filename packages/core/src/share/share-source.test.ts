import { memoryCheckpointStore, memorySink, memorySource } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import { SourceConnectionError, SourceProtocolError } from '../errors/source-error.ts';
import { createPipeline } from '../pipeline/create-pipeline.ts';
import type { ChangeSource } from '../source/change-source.ts';
import type { ShareOptions } from './share-options.ts';
import { shareSource } from './share-source.ts';
import { idsOf, open, push, settle, signal, world } from './testing/world.ts';

const FAST = {
  checkpointIntervalMs: 1,
  batch: { lingerMs: false },
  retry: { initialDelayMs: 1, maxDelayMs: 2, budget: false },
  breaker: false,
} as const;

describe('shareSource', () => {
  test('the source is read once for all, and acknowledged as far as the slowest', async () => {
    const { share, source, store } = world();
    const shared = share();
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    push(source, 3, 2);
    await Promise.all([a.take(6), b.take(4)]);
    expect(source.openStreams).toBe(1);
    expect(a.ids).toEqual(idsOf(source));
    await a.acknowledge();
    expect(source.acknowledged).toBeNull();
    await b.acknowledge();
    expect(source.acknowledged).toBe('0000000002');
    expect(store.peek('memory')?.checkpoint.position).toBe('0000000002');
    await b.take(6);
    await b.acknowledge();
    expect(source.acknowledged).toBe('0000000003');
    await a.stream[Symbol.asyncDispose]();
    expect(source.openStreams).toBe(1);
    await b.stream[Symbol.asyncDispose]();
    expect(source.openStreams).toBe(0);
  });

  test('what is acknowledged while an earlier end is being saved does not have that one forgotten', async () => {
    const { share, source, store } = world();
    let release = (): void => {};
    const save = store.save.bind(store);
    const shared = share({ maxBufferBytes: 1 });
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    push(source, 2);
    await Promise.all([a.take(2), b.take(1)]);
    store.save = async (...parameters) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      await save(...parameters);
    };
    const first = Promise.all([a.acknowledge(), b.acknowledge()]);
    await settle();
    store.save = save;
    await b.take(2);
    const second = b.acknowledge();
    await settle();
    release();
    await Promise.all([first, second]);
    expect(source.acknowledged).toBe('0000000002');
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('one that starts a moment later gets what is in memory; the source is not opened again', async () => {
    const { share, source } = world();
    const shared = share();
    push(source, 5);
    let opened = 0;
    source.onOpen = () => void (opened += 1);
    const a = await open(shared, 'a');
    await a.take(5);
    const b = await open(shared, 'b');
    await b.take(5);
    expect(b.ids).toEqual(idsOf(source));
    expect(opened).toBe(1);
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('one that starts late has the stream read again; the other one is given nothing twice', async () => {
    const { share, source } = world();
    const shared = share({ maxBufferBytes: 200 });
    push(source, 20, 3);
    const told: string[] = [];
    const a = await open(shared, 'a', null, (event) => told.push(event.type));
    await a.take(40);
    const b = await open(shared, 'b');
    await Promise.all([a.take(60), b.take(60)]);
    expect(a.ids).toEqual(idsOf(source));
    expect(b.ids).toEqual(idsOf(source));
    expect(told).toContain('source-waiting');
    // Ends from before and after the stream was read again are as good.
    for (const { end } of a.batches)
      if (end !== null) expect(a.stream.checkpoint(end).position).toBe(end);
    await a.acknowledge();
    await b.acknowledge();
    expect(source.acknowledged).toBe('0000000020');
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('I8: a checkpoint that the source would refuse is that consumer’s gap only', async () => {
    const { share, source } = world();
    const shared = share();
    const a = await open(shared, 'a');
    push(source, 2);
    await a.take(2);
    const end = a.stream.checkpoint('0000000002' as never);
    for (const [after, code] of [
      [{ ...end, kind: 'another' }, 'GAP_CHECKPOINT_FOREIGN'],
      [{ ...end, position: '0000000009' as never }, 'GAP_POSITION_AHEAD'],
    ] as const) {
      await expect(open(shared, 'b', after)).rejects.toMatchObject({ code });
    }
    push(source, 1);
    await a.take(3);
    await a.stream[Symbol.asyncDispose]();
    expect(source.openStreams).toBe(0);
  });

  test('an error of the source ends the streams of all; they can be opened again', async () => {
    const { share, source } = world();
    const shared = share();
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    const error = new SourceProtocolError('It broke.');
    const over = Promise.all([a.rest(), b.rest()]);
    await settle();
    source.fail(error);
    expect(await over).toEqual([error, error]);
    await expect(a.stream.caughtUp({ signal })).rejects.toBe(error);
    push(source, 1);
    const again = await open(shared, 'a');
    await again.take(1);
    await again.stream[Symbol.asyncDispose]();
    expect(source.openStreams).toBe(0);
  });

  test('what can be waited out while the stream is opened again is waited out', async () => {
    const { share, source } = world();
    const shared = share({ maxBufferBytes: 100 });
    push(source, 10);
    const told: string[] = [];
    const a = await open(shared, 'a', null, (event) => told.push(event.type));
    await a.take(10);
    let failures = 2;
    source.onOpen = () => {
      failures -= 1;
      if (failures >= 0) throw new SourceConnectionError('SOURCE_UNREACHABLE', 'Away.');
    };
    const b = await open(shared, 'b');
    await b.take(10);
    expect(told.filter((type) => type === 'source-disconnected')).toHaveLength(2);
    push(source, 1);
    await Promise.all([a.take(11), b.take(11)]);
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('another process that saved the shared position meanwhile ends everything', async () => {
    const { share, source, store } = world();
    const shared = share();
    const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
    push(source, 1);
    await Promise.all([a.take(1), b.take(1)]);
    store.overwrite('memory', a.stream.checkpoint('0000000001' as never));
    await a.acknowledge();
    await expect(b.acknowledge()).rejects.toMatchObject({ code: 'CHECKPOINT_FENCED' });
    expect(await a.rest()).toMatchObject({ code: 'CHECKPOINT_FENCED' });
    expect(source.acknowledged).toBeNull();
    await a.stream[Symbol.asyncDispose]();
    await b.stream[Symbol.asyncDispose]();
  });

  test('goes on from the checkpoint of a plain pipeline, and a plain pipeline from its', async () => {
    const { share, source } = world();
    const sinks = [memorySink(), memorySink(), memorySink()] as const;
    const run = async (plain: ChangeSource, sink: (typeof sinks)[number]): Promise<void> => {
      push(source, 3);
      const pipeline = createPipeline(plain, sink, FAST);
      await pipeline.start();
      await pipeline.caughtUp();
      await pipeline.drain();
    };
    await run(source, sinks[0]);
    await run(share({ consumers: ['a'] }).consumer('a'), sinks[1]);
    await run(source, sinks[2]);
    const applied = sinks.map((sink) => sink.effects.map(({ eventId }) => eventId));
    expect(applied.flat()).toEqual(idsOf(source));
    expect(applied.map((ids) => ids.length)).toEqual([3, 3, 3]);
  });

  test('a pipeline that fails does not stop the other, and the stores are closed with the last', async () => {
    const { share, source, store } = world();
    let closed = 0;
    store.close = async () => void (closed += 1);
    const shared = share();
    expect(shared.consumer('a').name).toBe('memory/a');
    const sink = memorySink();
    const a = createPipeline(shared.consumer('a'), sink, FAST);
    const b = createPipeline(
      shared.consumer('b'),
      memorySink({
        faults: ({ items }) => items.map(() => ({ type: 'halt', error: new Error('No.') })),
      }),
      FAST,
    );
    await Promise.all([a.start(), b.start()]);
    push(source, 3);
    expect(await b.closed).toMatchObject({ message: 'No.' });
    push(source, 3);
    await a.caughtUp();
    expect(sink.effects).toHaveLength(6);
    expect(closed).toBe(0);
    await a.drain();
    expect(closed).toBe(1);
    expect(source.openStreams).toBe(0);
    expect(store.peek('memory/a')?.checkpoint.position).toBe('0000000006');
    expect(source.acknowledged).toBeNull();
  });

  test('I12: nothing is left of an opening that is aborted, and of a stream that is closed', async () => {
    const { source, store } = world();
    let timers = 0;
    const shared = shareSource(source, {
      consumers: ['a', 'b'],
      checkpoints: store,
      time: {
        now: () => Date.now(),
        setTimeout: (call, ms) => {
          timers += 1;
          const timer = setTimeout(() => {
            timers -= 1;
            call();
          }, ms);
          let isOver = false;
          return () => {
            if (!isOver && timer.hasRef()) timers -= 1;
            isOver = true;
            clearTimeout(timer);
          };
        },
      },
    });
    const abort = new AbortController();
    source.onOpen = ({ signal: opening }) =>
      new Promise((_, reject) => {
        opening.addEventListener('abort', () => reject(opening.reason as Error), { once: true });
      });
    const opening = shared.consumer('a').open({ after: null, signal: abort.signal });
    await settle();
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    source.onOpen = null;
    const a = await open(shared, 'a');
    await expect(open(shared, 'a')).rejects.toMatchObject({ code: 'PIPELINE_STATE' });
    await a.stream[Symbol.asyncDispose]();
    await settle();
    expect(timers).toBe(0);
    expect(source.openStreams).toBe(0);
  });

  test('I12: a stream that could not be closed in order does not keep the consumers out for good', async () => {
    const { source } = world();
    let closings = 0;
    const failing: ChangeSource = {
      name: source.name,
      kind: source.kind,
      checkpoints: source.checkpoints,
      open: async (options) => {
        const stream = await source.open(options);
        const close = async (): Promise<void> => {
          await stream[Symbol.asyncDispose]();
          closings += 1;
          if (closings === 1) throw new Error('closing failed');
        };
        return new Proxy(stream, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name, target);
            if (name === Symbol.asyncDispose) return close;
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
    };
    const shared = shareSource(failing, { consumers: ['a'] });
    push(source, 2);
    const a = await open(shared, 'a');
    await a.take(2);
    await a.acknowledge();
    await expect(a.stream[Symbol.asyncDispose]()).rejects.toThrow('closing failed');
    const again = await open(shared, 'a');
    await again.stream[Symbol.asyncDispose]();
    expect(closings).toBe(2);
  });

  test('a source whose stream cannot be shared, and wrong options, are refused', async () => {
    const store = memoryCheckpointStore();
    const polled = memorySource({ shows: 'latest-state', checkpoints: store });
    const shared = shareSource(polled, { consumers: ['a'] });
    await expect(open(shared, 'a')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(polled.openStreams).toBe(0);
    expect(() => shared.consumer('z')).toThrow('not among the declared ones');
    for (const [options, text] of [
      [{ consumers: [] }, '`consumers`'],
      [{ consumers: ['a', 'a'] }, '`consumers`'],
      [{ consumers: ['a', 7] }, '`consumers`'],
      [{ consumers: ['a'], maxBufferBytes: 0 }, '`maxBufferBytes`'],
      [{ consumers: ['a'], onLaggard: 'drop' }, '`onLaggard`'],
      [{ consumers: ['a'], maxLag: 1 }, '`maxLag`'],
    ] as const) {
      expect(() => shareSource(polled, options as unknown as ShareOptions)).toThrow(text);
    }
    expect(() => shareSource(memorySource(), { consumers: ['a'] })).toThrow('no place to keep');
  });
});
