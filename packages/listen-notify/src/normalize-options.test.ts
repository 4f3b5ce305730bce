import { ConfigurationError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { listenNotifySource } from './listen-notify-source.ts';
import { normalizeDurableOptions } from './normalize-options.ts';
import type { DurableSourceOptions } from './options.ts';

const base = { connection: 'postgresql://me@localhost/db', tables: ['t'], env: {} };

function messageOf(options: object): string {
  try {
    normalizeDurableOptions({ ...base, ...options } as DurableSourceOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('The options were accepted.');
}

describe(normalizeDurableOptions, () => {
  test('settles every default', () => {
    const settings = normalizeDurableOptions(base);
    expect(settings).toMatchObject({
      stateSchema: 'certyo',
      log: 'change_log',
      tables: [{ schema: 'public', name: 't' }],
      name: 'change_log',
      keys: {},
      acceptTables: false,
      replaces: null,
      copy: false,
      ddl: false,
      doorbell: 'armed',
      groupMs: 10,
      sweepMs: 5_000,
      intervalMs: { min: 50, max: 1_000 },
      maxBatchRows: 1_000,
      maxBatchBytes: 4_194_304,
      pruneIntervalMs: 1_000,
      leaseMs: 15_000,
      leaseWaitMs: 60_000,
      deadAfterMs: 15_000,
      reconnect: { minDelayMs: 100, maxDelayMs: 10_000 },
    });
    expect(settings.stateConnection).toBe(settings.connection);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  test('takes undefined for absent, false for never, and names the source by its log', () => {
    const options = Object.freeze({
      ...base,
      log: 'mine',
      name: undefined,
      doorbell: false as const,
      groupMs: false as const,
      pruneIntervalMs: false as const,
      leaseWaitMs: false as const,
      deadAfterMs: false as const,
      intervalMs: Object.freeze({ min: 5_000 }),
      keys: { '"T"."x"': ['a'] },
      tables: ['"T"."x"'],
    });
    expect(normalizeDurableOptions(options)).toMatchObject({
      name: 'mine',
      doorbell: false,
      groupMs: false,
      pruneIntervalMs: false,
      leaseWaitMs: false,
      deadAfterMs: false,
      intervalMs: { min: 5_000, max: 5_000 },
      keys: { '"T".x': ['a'] },
    });
  });

  test.each([
    [{ tables: [] }, 'at least one table'],
    [{ tables: ['t', 'public.t'] }, 'stands twice'],
    [{ tables: ['certyo.checkpoints'] }, 'never captured'],
    [{ tables: ['mine.x'], stateSchema: 'mine' }, 'never captured'],
    [{ log: 'Big' }, 'lower-case'],
    [{ log: 'x'.repeat(41) }, 'at most 40'],
    [{ log: '1x' }, 'digit'],
    [{ doorbell: 'loud' }, '`doorbell`'],
    [{ doorbell: true }, '`doorbell`'],
    [{ replaces: 'listen-notify' }, '`replaces`'],
    [{ keys: { u: ['a'] } }, 'does not list'],
    [{ keys: { t: [] } }, 'list of column names'],
    [{ intervalMs: { min: 10, max: 5 } }, '`intervalMs.max`'],
    [{ reconnect: { minDelayMs: 10, maxDelayMs: 5 } }, '`reconnect.maxDelayMs`'],
    [{ maxBatchRows: 0 }, '`maxBatchRows`'],
    [{ leaseMs: -1 }, '`leaseMs`'],
    [{ sweepMs: false }, '`sweepMs`'],
    [{ checkpoints: {} }, '`checkpoints`'],
    [{ slot: 'x' }, 'There is no option `slot`'],
    [{ mode: 'payload' }, '`mode`'],
  ])('refuses %j', (options, text) => {
    expect(messageOf(options)).toContain(text);
  });
});

describe(listenNotifySource, () => {
  test('is durable unless it is told otherwise', () => {
    expect(listenNotifySource(base)).toMatchObject({ kind: 'listen-notify', name: 'change_log' });
    expect(() => listenNotifySource({ ...base, mode: 'fast' } as never)).toThrow(
      "Expected `mode` to be 'durable' or 'payload'.",
    );
  });
});
