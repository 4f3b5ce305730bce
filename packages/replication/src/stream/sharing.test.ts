import type { ChangeEvent, Checkpoint, Position } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { Epochs } from './epochs.ts';
import { type Admission, replicationSharing } from './sharing.ts';
import { comparePositions, copyPosition } from './source-position.ts';

function at(position: string): Position {
  return position as Position;
}

function sharing(
  end: string,
  epochs: Epochs = new Epochs(1, 1),
  recovery: Admission['recovery'] = null,
): ReturnType<typeof replicationSharing> {
  return replicationSharing(
    at('0/10'),
    {
      identity: (timeline) => ({
        systemIdentifier: '7',
        timeline,
        database: 'd',
        slot: 's',
        publications: ['p'],
        tables: ['public.t'],
      }),
      options: { acceptTables: false },
      query: async () => [{ flushed: end, inserted: end, is_standby: 'false' }],
      epochs: () => epochs,
      recovery,
    },
    () => {},
  );
}

function event(fields: object): ChangeEvent {
  return fields as ChangeEvent;
}

describe('replicationSharing', () => {
  test('positions are compared as numbers, copied rows behind the transaction at whose end they are', () => {
    const sorted = ['0/FF', '0/100', '0/100#1', '0/100#2', '0/100#10', '1/0'].map(at);
    expect(sorted.toReversed().toSorted(comparePositions)).toEqual(sorted);
    expect(comparePositions(copyPosition(at('0/100'), 3), at('0/100#3'))).toBe(0);
  });

  test('a transaction is covered by the end behind its commit; copied rows are by none', () => {
    const { isCovered } = sharing('0/FFFF');
    const change = event({ operation: 'insert', transaction: { commitLsn: '0/50' } });
    expect(isCovered(change, at('0/50'))).toBe(false);
    expect(isCovered(change, at('0/51'))).toBe(true);
    expect(isCovered(change, at('0/51#2'))).toBe(true);
    const copied = event({ operation: 'snapshot', transaction: null });
    expect(isCovered(copied, at('FF/0'))).toBe(false);
    const message = event({
      operation: 'message',
      transactional: false,
      transaction: null,
      lsn: '0/50',
    });
    expect(isCovered(message, at('0/4F'))).toBe(false);
    expect(isCovered(message, at('0/50'))).toBe(true);
  });

  test('I8: admits what the server holds on its own history, and nothing else', async () => {
    const { signal } = new AbortController();
    const epochs = new Epochs(1, 1);
    epochs.follow(3, [
      { timeline: 1, switchedAt: 0x100n },
      { timeline: 2, switchedAt: 0x200n },
    ]);
    expect(epochs.timeline).toBe(3);
    expect(epochs.history).toEqual([
      { timeline: 1, switchedAt: 0x100n },
      { timeline: 2, switchedAt: 0x200n },
    ]);
    const { admit } = sharing('0/300', epochs);
    const judge = async (
      position: string,
      timeline: number,
      more: object = {},
    ): Promise<string> => {
      const identity = {
        systemIdentifier: '7',
        timeline,
        database: 'd',
        slot: 's',
        publications: ['p'],
        tables: ['public.t'],
        ...more,
      };
      const checkpoint = {
        kind: 'replication',
        identity,
        position: at(position),
        epoch: 1,
        state: null,
      };
      return admit(checkpoint, { signal }).then(
        () => 'admitted',
        (error: unknown) => (error as { readonly code: string }).code,
      );
    };
    expect(await judge('0/100', 1)).toBe('admitted');
    expect(await judge('0/1FF', 2)).toBe('admitted');
    expect(await judge('0/300', 3)).toBe('admitted');
    expect(await judge('0/101', 1)).toBe('GAP_TIMELINE');
    expect(await judge('0/50', 4)).toBe('GAP_TIMELINE');
    expect(await judge('0/301', 3)).toBe('GAP_POSITION_AHEAD');
    expect(await judge('0/100', 1, { slot: 'other' })).toBe('GAP_CHECKPOINT_FOREIGN');
    expect(await judge('0/100', 1, { systemIdentifier: '8' })).toBe('GAP_CHECKPOINT_FOREIGN');
  });

  test('behind a gap a consumer goes on where the stream begins, or where it was on the same history', () => {
    const checkpoint = (position: string, timeline = 1, gap?: string): Checkpoint => ({
      kind: 'replication',
      identity: { systemIdentifier: '7', timeline, database: 'd', slot: 's' },
      position: at(position),
      epoch: timeline,
      state: gap === undefined ? null : { passedGap: { gap, count: 1 } },
    });
    const stored = checkpoint('0/8');
    const place = (isSameHistory: boolean, of: Checkpoint): Position | null | undefined =>
      sharing('0/FF', undefined, { gap: 'g', stored, isSameHistory }).placeBehindGap?.(of);
    expect(place(true, checkpoint('0/8'))).toBe('0/10');
    expect(place(true, checkpoint('0/20'))).toBe('0/20');
    expect(place(false, checkpoint('0/20'))).toBe('0/10');
    // It has followed the server to another timeline, and stands before the gap all the same.
    expect(place(true, checkpoint('0/20', 2))).toBe('0/10');
    // It has gone on behind this gap; or behind an earlier one.
    expect(place(true, checkpoint('0/20', 1, 'g'))).toBeNull();
    expect(place(true, checkpoint('0/20', 1, 'f'))).toBe('0/20');
    expect(place(true, checkpoint('0/7'))).toBeNull();
    expect(sharing('0/FF').placeBehindGap?.(checkpoint('0/20'))).toBeNull();
  });
});
