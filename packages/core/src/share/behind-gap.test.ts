import { memorySource } from '@certyo-cdc/testing';
import { describe, expect, test } from 'vitest';

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { ChangeSource, ChangeStream } from '../source/change-source.ts';
import { type SharedSource, shareSource } from './share-source.ts';
import { open, push, settle, world, type World } from './testing/world.ts';
import type { Taker } from './testing/take.ts';

const PASSED = { passed: true };

/** What no position covers stands for the record of the gap. */
const [RECORD] = memorySource().push([{ operation: 'snapshot', key: { id: 7 }, after: {} }]);

function hasPassed({ state }: Checkpoint): boolean {
  return JSON.stringify(state) === JSON.stringify(PASSED);
}

/** A source that goes on behind a gap wherever a checkpoint does not say that it was passed. */
function goingOn({ source, store }: World): ChangeSource {
  return {
    name: source.name,
    kind: source.kind,
    checkpoints: store,
    open: async (options) => {
      const stream = await source.open(options);
      const { sharing } = stream;
      if (sharing === undefined) throw new Error('The source in memory can be shared.');
      const { begin, compare } = sharing;
      const isBehindGap = options.after !== null && !hasPassed(options.after);
      const goesOn: ChangeStream = {
        sharing: {
          ...sharing,
          isCovered: (event, end) => event.id !== RECORD?.id && sharing.isCovered(event, end),
          placeBehindGap: (checkpoint) => {
            if (!isBehindGap || hasPassed(checkpoint)) return null;
            return compare(checkpoint.position, begin) > 0 ? checkpoint.position : begin;
          },
        },
        async *[Symbol.asyncIterator]() {
          if (isBehindGap && RECORD !== undefined) yield { events: [RECORD], bytes: 1, end: begin };
          yield* stream;
        },
        checkpoint: (end) => ({ ...stream.checkpoint(end), state: PASSED }),
        acknowledge: (end) => stream.acknowledge(end),
        lag: () => stream.lag(),
        caughtUp: (caughtUp) => stream.caughtUp(caughtUp),
        [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
      };
      return goesOn;
    },
  };
}

interface Stopped extends World {
  /** Where the consumers were when the source stopped: a has three changes, b one. */
  readonly saved: { readonly a: Checkpoint; readonly b: Checkpoint };
  readonly next: () => SharedSource;
  /** Whether what is saved for all lies behind the gap. */
  readonly isPassed: () => boolean;
}

async function stopped(): Promise<Stopped> {
  const it = world();
  const { share, source, store } = it;
  const shared = share();
  const [a, b] = await Promise.all([open(shared, 'a'), open(shared, 'b')]);
  push(source, 3);
  await Promise.all([a.take(3), b.take(1)]);
  await Promise.all([a.acknowledge(), b.acknowledge()]);
  const saved = {
    a: a.stream.checkpoint('0000000003' as never),
    b: b.stream.checkpoint('0000000001' as never),
  };
  await close(a, b);
  const next = (): SharedSource => shareSource(goingOn(it), { consumers: ['a', 'b'] });
  const isPassed = (): boolean => {
    const checkpoint = store.peek('memory')?.checkpoint;
    return checkpoint !== undefined && hasPassed(checkpoint);
  };
  return { ...it, saved, next, isPassed };
}

async function close(...takers: readonly Taker[]): Promise<void> {
  for (const { stream } of takers) await stream[Symbol.asyncDispose]();
}

describe('shareSource, behind a gap that was accepted', () => {
  test('the place behind it is saved when all have acknowledged its record, also where nothing comes behind', async () => {
    const { isPassed, next, saved, store } = await stopped();
    const shared = next();
    const [a, b] = await Promise.all([open(shared, 'a', saved.b), open(shared, 'b', saved.b)]);
    await Promise.all([a.take(1), b.take(1)]);
    for (const { ids } of [a, b]) expect(ids).toEqual([RECORD?.id]);
    await a.acknowledge();
    await settle();
    expect(isPassed()).toBe(false);
    await b.acknowledge();
    expect(isPassed()).toBe(true);
    expect(store.peek('memory')?.checkpoint.position).toBe('0000000001');
    await close(a, b);
  });

  test('I1: it is not saved before one that was further has acknowledged something behind the record', async () => {
    const { isPassed, next, saved, source } = await stopped();
    let shared = next();
    const b = await open(shared, 'b', saved.b);
    const a = await open(shared, 'a', saved.a);
    await Promise.all([a.take(1), b.take(3)]);
    await b.acknowledge();
    await settle();
    expect(isPassed()).toBe(false);
    // It closes with the record in hand, and so does the other one later.
    await close(a);
    await settle();
    expect(isPassed()).toBe(false);
    await close(b);
    expect(isPassed()).toBe(false);
    shared = next();
    const again = await Promise.all([open(shared, 'a', saved.a), open(shared, 'b', saved.b)]);
    push(source, 1);
    await Promise.all([again[0].take(2), again[1].take(4)]);
    expect(again[0].ids[0]).toBe(RECORD?.id);
    await Promise.all(again.map((taker) => taker.acknowledge()));
    expect(isPassed()).toBe(true);
    expect(source.acknowledged).toBe('0000000004');
    await close(...again);
  });
});
