import { type Checkpoint, GapError, type Position } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';

import { acceptCheckpoint, type CheckpointExpectation } from './accept-checkpoint.ts';

const IDENTITY = { systemIdentifier: '7', database: 'shop', log: 'change_log', tables: ['a', 'b'] };

const CHECKPOINT: Checkpoint = {
  kind: 'listen-notify',
  identity: IDENTITY,
  position: '12' as Position,
  epoch: 3,
  state: null,
};

const EXPECTATION: CheckpointExpectation = {
  checkpoint: CHECKPOINT,
  kind: 'listen-notify',
  identity: IDENTITY,
  members: {
    systemIdentifier: 'Connect to the right server.',
    database: 'Connect to the right database.',
    log: 'Restore the option log.',
    tables: 'Restore the option tables.',
  },
};

const POLLING: Checkpoint = {
  ...CHECKPOINT,
  kind: 'polling',
  identity: { systemIdentifier: '7', database: 'shop', cursors: {} },
};

function refusal(change: Partial<CheckpointExpectation>): GapError {
  try {
    acceptCheckpoint({ ...EXPECTATION, ...change });
  } catch (error) {
    if (error instanceof GapError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('acceptCheckpoint', () => {
  test('without one a source begins at its beginning, in the first epoch', () => {
    expect(acceptCheckpoint({ ...EXPECTATION, checkpoint: null })).toEqual({
      resume: null,
      epoch: 1,
    });
  });

  test('its own is resumed in its epoch; lists agree in any order', () => {
    const identity = { ...IDENTITY, tables: ['b', 'a'] };
    expect(acceptCheckpoint({ ...EXPECTATION, identity })).toEqual({
      resume: CHECKPOINT,
      epoch: 3,
    });
  });

  test.each(Object.entries(EXPECTATION.members))(
    'I8: another %s is refused with what to do',
    (member, remedy) => {
      const error = refusal({ identity: { ...IDENTITY, [member]: 'other' } });
      expect(error).toMatchObject({ code: 'GAP_CHECKPOINT_FOREIGN', remedy });
      expect(error.message).toContain(`its ${member} is`);
      expect(error.message).toContain('here it is "other"');
    },
  );

  test('a member that is accepted may differ, the others may not', () => {
    const identity = { ...IDENTITY, tables: ['c'] };
    const accepted = ['tables'];
    expect(acceptCheckpoint({ ...EXPECTATION, identity, accepted }).resume).toBe(CHECKPOINT);
    expect(refusal({ identity: { ...identity, log: 'x' }, accepted }).message).toContain('its log');
  });

  test('another kind is refused, unless it is replaced', () => {
    expect(refusal({ checkpoint: POLLING })).toMatchObject({
      code: 'GAP_CHECKPOINT_FOREIGN',
      remedy: expect.stringContaining("replaces: 'polling'") as string,
    });
    expect(refusal({ checkpoint: POLLING, replaces: 'replication' }).code).toBe(
      'GAP_CHECKPOINT_FOREIGN',
    );
    expect(acceptCheckpoint({ ...EXPECTATION, checkpoint: POLLING, replaces: 'polling' })).toEqual({
      resume: null,
      epoch: 4,
    });
  });

  test('with `replaces`, its own checkpoint is resumed all the same', () => {
    expect(acceptCheckpoint({ ...EXPECTATION, replaces: 'polling' })).toEqual({
      resume: CHECKPOINT,
      epoch: 3,
    });
  });

  test.each(['systemIdentifier', 'database'])(
    'one that is replaced is of the same %s',
    (member) => {
      const identity = { ...IDENTITY, [member]: 'other' };
      const error = refusal({ checkpoint: POLLING, replaces: 'polling', identity });
      expect(error.code).toBe('GAP_CHECKPOINT_FOREIGN');
      expect(error.message).toContain(`its ${member} is`);
    },
  );

  test('one that was saved before the source began is refused; where nobody knows, it is not', () => {
    const change = { checkpoint: POLLING, replaces: 'polling', beganAtMs: 2000 } as const;
    expect(refusal({ ...change, savedAtMs: 1999 })).toMatchObject({
      code: 'GAP_SWITCH',
      remedy: expect.stringContaining('drain') as string,
    });
    for (const known of [{ savedAtMs: 2000 }, {}, { savedAtMs: 1, beganAtMs: null }])
      expect(acceptCheckpoint({ ...EXPECTATION, ...change, ...known }).epoch).toBe(4);
    expect(acceptCheckpoint({ ...EXPECTATION, savedAtMs: 1, beganAtMs: 2 }).resume).toBe(
      CHECKPOINT,
    );
  });
});
