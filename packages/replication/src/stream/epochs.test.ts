import { describe, expect, test } from 'vitest';
import { Epochs } from './epochs.ts';

describe('Epochs', () => {
  test('I4: what was committed before a switch keeps its epoch, what comes behind it gets the next', () => {
    const epochs = new Epochs(3, 7);
    epochs.follow(3, []);
    expect(epochs.ofCommit(100n)).toBe(7);
    const history = [
      { timeline: 1, switchedAt: 10n },
      { timeline: 2, switchedAt: 20n },
      { timeline: 3, switchedAt: 200n },
      { timeline: 5, switchedAt: 300n },
    ];
    epochs.follow(6, history);
    expect([100n, 199n, 200n, 299n, 300n].map((lsn) => epochs.ofCommit(lsn))).toEqual([
      7, 7, 8, 8, 9,
    ]);
    expect(epochs.ofEnd(200n)).toMatchObject({ timeline: 3, epoch: 7 });
    expect(epochs.ofEnd(201n)).toMatchObject({ timeline: 5, epoch: 8 });
    expect(epochs.ofEnd(400n)).toMatchObject({ timeline: 6, epoch: 9 });
  });

  test('I4: a life that begins again from a checkpoint before the switch names all as the last one did', () => {
    const history = [{ timeline: 1, switchedAt: 200n }];
    const running = new Epochs(1, 1);
    running.follow(2, history);
    const { timeline, epoch } = running.ofEnd(150n);
    const again = new Epochs(timeline, epoch);
    again.follow(2, history);
    const later = running.ofEnd(250n);
    const last = new Epochs(later.timeline, later.epoch);
    last.follow(2, []);
    for (const lsn of [160n, 200n, 300n]) {
      expect(again.ofCommit(lsn)).toBe(running.ofCommit(lsn));
      if (lsn > 250n) expect(last.ofCommit(lsn)).toBe(running.ofCommit(lsn));
    }
  });
});
