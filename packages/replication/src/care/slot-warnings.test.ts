import type { SlotHealth } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { type CareThresholds, slotWarnings, WarningMemory } from './slot-warnings.ts';

const GIB = 1024 ** 3;

const calm: SlotHealth = {
  slot: 's',
  readAtMs: 0,
  isActive: true,
  walStatus: 'reserved',
  invalidation: null,
  retainedBytes: 1_000,
  safeBytes: 9 * GIB,
  maxRetainedBytes: 10 * GIB,
  walBytesPerSecond: 100,
  exhaustedInMs: null,
  unacknowledgedMs: null,
};

const thresholds: CareThresholds = {
  retainedBytes: 5 * GIB,
  exhaustedInMs: 3_600_000,
  unacknowledgedMs: 900_000,
};

function codes(change: Partial<SlotHealth>, limits: Partial<CareThresholds> = {}): string[] {
  const warnings = slotWarnings({ ...calm, ...change }, { ...thresholds, ...limits });
  for (const { message } of warnings) expect(message).toMatch(/"s"/);
  return warnings.map(({ code }) => code);
}

describe(slotWarnings, () => {
  test.each<[string, Partial<SlotHealth>, string[]]>([
    ['nothing', {}, []],
    ['an extended slot that does not grow', { walStatus: 'extended' }, []],
    ['R-11: the next checkpoint loses it', { walStatus: 'unreserved' }, ['SLOT_UNRESERVED']],
    ['R-11: it is lost', { walStatus: 'lost' }, ['SLOT_LOST']],
    ['R-11: it was given up', { invalidation: 'idle_timeout' }, ['SLOT_LOST']],
    ['an hour is left', { exhaustedInMs: 3_599_999 }, ['SLOT_RUNNING_OUT']],
    ['two hours are left', { exhaustedInMs: 7_200_000 }, []],
    ['a fifth is left', { safeBytes: 1.9 * GIB }, ['SLOT_RUNNING_OUT']],
    ['nothing limits it', { safeBytes: null, maxRetainedBytes: null }, []],
    ['much is kept', { retainedBytes: 6 * GIB }, ['SLOT_RETAINED']],
    ['much is old', { unacknowledgedMs: 900_001 }, ['SLOT_UNACKNOWLEDGED']],
  ])('%s', (_name, change, expected) => {
    expect(codes(change)).toEqual(expected);
  });

  test.each<[Partial<SlotHealth>, string]>([
    [{ safeBytes: -5_000_000, walStatus: 'extended' }, 'another 0 bytes of'],
    [{ safeBytes: 1.5 * GIB, exhaustedInMs: 30_000 }, 'another 1.5 GiB of'],
    [{ exhaustedInMs: 30_000 }, 'in about 30 s at'],
    [{ exhaustedInMs: 3_540_000 }, 'in about 59 min at'],
    [{ safeBytes: GIB, exhaustedInMs: 5 * 3_600_000 }, 'in about 5 h at'],
    [{ safeBytes: GIB, exhaustedInMs: 90 * 86_400_000 }, 'in about 90 days at'],
    [{ unacknowledgedMs: 172_800_000 }, '2 days ago'],
    [{ retainedBytes: 6 * GIB }, 'keeps 6.0 GiB of'],
  ])('R-11: %o is told with its numbers: %s', (change, text) => {
    const said = slotWarnings({ ...calm, ...change }, thresholds);
    expect(said.map(({ message }) => message).join('\n')).toContain(text);
  });

  test('`false` leaves a warning out', () => {
    const none = { retainedBytes: false, exhaustedInMs: false, unacknowledgedMs: false } as const;
    const bad = { retainedBytes: 99 * GIB, exhaustedInMs: 1, unacknowledgedMs: 1e9, safeBytes: 0 };
    expect(codes(bad, none)).toEqual([]);
    expect(codes(bad)).toEqual(['SLOT_RUNNING_OUT', 'SLOT_RETAINED', 'SLOT_UNACKNOWLEDGED']);
  });

  test('the remedy stands in the message', () => {
    const [warning] = slotWarnings(
      { ...calm, retainedBytes: 6 * GIB, maxRetainedBytes: null, safeBytes: null },
      thresholds,
    );
    expect(warning?.message).toContain('6.0 GiB');
    expect(warning?.message).toContain('max_slot_wal_keep_size = -1');
  });
});

describe(WarningMemory, () => {
  test('says a warning when it becomes true, again after ten minutes, and anew when it came back', () => {
    const memory = new WarningMemory();
    const warning = { code: 'A', message: 'a' };
    const other = { code: 'B', message: 'b' };
    expect(memory.due([warning], 0)).toEqual([warning]);
    expect(memory.due([warning, other], 10_000)).toEqual([other]);
    expect(memory.due([warning, other], 600_000)).toEqual([warning]);
    expect(memory.due([other], 610_000)).toEqual([other]);
    expect(memory.due([warning, other], 620_000)).toEqual([warning]);
  });
});
