import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Position } from '../checkpoint/checkpoint.ts';
import { AckTracker, type AckEntry } from './ack-tracker.ts';

interface Batch {
  readonly items: number;
  readonly hasEnd: boolean;
}

const batchesArbitrary: fc.Arbitrary<readonly Batch[]> = fc.array(
  fc.record({ items: fc.nat(4), hasEnd: fc.boolean() }),
  { minLength: 1, maxLength: 30 },
);

/** What the model keeps of a batch. */
interface Known {
  readonly entry: AckEntry;
  readonly end: Position | null;
  readonly events: number;
  open: number;
}

/** The newest end at or below which every batch is finished. */
function lowWaterMark(known: readonly Known[]): Position | null {
  let mark: Position | null = null;
  for (const { end, open } of known) {
    if (open > 0) return mark;
    mark = end ?? mark;
  }
  return mark;
}

describe('AckTracker', () => {
  test('I1, R-05: what may be acknowledged is the low-water mark, in whatever order items finish', () => {
    fc.assert(
      fc.property(
        batchesArbitrary,
        fc.array(fc.nat(), { minLength: 200, maxLength: 200 }),
        (batches, choices) => {
          const tracker = new AckTracker();
          const known: Known[] = [];
          let marked: Position | null = null;
          let next = 0;
          let received = 0;
          for (const choice of choices) {
            const unfinished = known.filter(({ open }) => open > 0);
            const batch = batches[next];
            const some = unfinished[choice % Math.max(unfinished.length, 1)];
            if (batch !== undefined && (choice % 2 === 0 || some === undefined)) {
              next += 1;
              received += batch.items;
              const end = batch.hasEnd ? (`p${next}` as Position) : null;
              const entry = tracker.open(batch.items, 10, end, next);
              for (let item = 0; item < batch.items; item += 1) tracker.hold(entry);
              known.push({ entry, end, events: received, open: batch.items + 1 });
            } else if (some !== undefined) {
              some.open -= 1;
              expect(tracker.finish(some.entry)).toBe(some.open === 0);
            }
            const mark = choice % 3 === 0 ? tracker.take() : null;
            if (mark !== null) {
              tracker.settle(mark);
              marked = mark.end;
              const covered = known.find(({ end }) => end === mark.end)?.events ?? -1;
              expect(mark.events).toBe(covered);
              expect(tracker.unacknowledgedEvents).toBe(received - covered);
            }
            expect(tracker.ackable?.end ?? marked).toBe(lowWaterMark(known));
            expect(tracker.size).toBeLessThanOrEqual(
              3 * known.filter(({ open }) => open > 0).length,
            );
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('I2: a batch without an end is never acknowledged by itself', () => {
    const tracker = new AckTracker();
    const first = tracker.open(5, 10, null, 100);
    tracker.finish(first);
    expect(tracker.take()).toBeNull();
    expect(tracker.oldestAtMs).toBe(100);
    const last = tracker.open(1, 10, 'end' as Position, 200);
    tracker.finish(last);
    const mark = tracker.take();
    expect(mark).toEqual({ end: 'end', events: 6, bytes: 20, oldestAtMs: 100, tally: null });
    expect(tracker.take()).toBeNull();
    if (mark !== null) tracker.settle(mark);
    expect(tracker.unacknowledgedEvents).toBe(0);
    expect(tracker.oldestAtMs).toBe(Infinity);
  });

  test('I7: a million finished batches behind an unfinished one take no memory', () => {
    const tracker = new AckTracker();
    const stuck = tracker.open(1, 1, 'p0' as Position, 0);
    for (let n = 1; n <= 1_000_000; n += 1) {
      tracker.finish(tracker.open(1, 1, n % 2 === 0 ? (`p${n}` as Position) : null, n));
    }
    expect(tracker.size).toBeLessThanOrEqual(3);
    tracker.finish(stuck);
    expect(tracker.take()?.end).toBe('p1000000');
  });
});
