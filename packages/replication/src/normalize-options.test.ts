import { ConfigurationError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { normalizeReplicationOptions } from './normalize-options.ts';
import type { ReplicationSourceOptions } from './options.ts';
import { replicationSource } from './replication-source.ts';

const base = { connection: 'postgresql://me@localhost/db', tables: ['t'], env: {} };

function messageOf(options: object): string {
  try {
    normalizeReplicationOptions({ ...base, ...options } as ReplicationSourceOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('The options were accepted.');
}

describe(normalizeReplicationOptions, () => {
  test('settles every default', () => {
    const settings = normalizeReplicationOptions(base);
    expect(settings).toMatchObject({
      stateSchema: 'certyo',
      tables: [{ schema: 'public', name: 't' }],
      name: 'certyo_cdc',
      slot: 'certyo_cdc',
      publication: 'certyo_cdc',
      keys: {},
      includeGenerated: false,
      acceptTables: false,
      replaces: null,
      slotWaitMs: 60_000,
      statusIntervalMs: 5_000,
      deadAfterMs: 15_000,
      maxBufferedBytes: 1_048_576,
      maxMessageBytes: 268_435_456,
      reconnect: { minDelayMs: 100, maxDelayMs: 10_000 },
    });
    expect(settings.stateConnection).toBe(settings.connection);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  test('takes undefined for absent, names the source by its slot, and changes nothing it was given', () => {
    const options = Object.freeze({
      ...base,
      slot: 'mine',
      name: undefined,
      reconnect: Object.freeze({ minDelayMs: 20_000 }),
      slotWaitMs: false as const,
      deadAfterMs: false as const,
    });
    expect(normalizeReplicationOptions(options)).toMatchObject({
      name: 'mine',
      slotWaitMs: false,
      deadAfterMs: false,
      reconnect: { minDelayMs: 20_000, maxDelayMs: 20_000 },
    });
  });

  test('keys and tables may be named as SQL does', () => {
    const settings = normalizeReplicationOptions({
      ...base,
      tables: ['Orders', '"My Schema"."T"', { schema: 'a.b', name: 'c' }],
      keys: { '"My Schema"."T"': ['x'] },
    });
    expect(settings.tables).toMatchObject([
      { schema: 'public', name: 'orders' },
      { schema: 'My Schema', name: 'T' },
      { schema: 'a.b', name: 'c' },
    ]);
    expect(settings.keys).toEqual({ '"My Schema"."T"': ['x'] });
  });

  test.each([
    [{ streaming: true, messages: true }, '`messages` and `streaming` exclude each other'],
    [{ streaming: { maxBytes: 0 } }, '`streaming.maxBytes`'],
    [{ messages: [''] }, 'Expected `messages` to be'],
    [{ schemas: ['certyo'] }, 'is never captured'],
    [{ tables: [{ schema: 's', name: 't', columns: [] }] }, 'Expected `tables[0].columns`'],
    [{ origin: 'own' }, '`origin`'],
    [{ tables: undefined }, 'Expected `tables` to be a list of at least one table.'],
    [{ tables: [] }, 'Expected `tables` to be a list of at least one table.'],
    [{ tables: 't' }, 'Expected `tables` to be a list of at least one table.'],
    [{ tables: [5] }, '`tables`'],
    [{ tables: ['a.b.c'] }, 'Expected `tables` to hold names like `schema.table`'],
    [{ tables: ['t', 'public.T'] }, 'public.t stands twice'],
    [{ tables: ['certyo.checkpoints'] }, 'never captured'],
    [{ tables: ['s.t'], stateSchema: 's' }, 'never captured'],
    [{ slot: 'My-Slot' }, 'Expected `slot` to hold only lower-case letters'],
    [{ slot: 'x'.repeat(64) }, 'Expected `slot` to hold only'],
    [{ slot: '' }, 'Expected `slot` to be a text'],
    [{ publication: 'é'.repeat(32) }, 'at most 63 bytes'],
    [{ publication: 'a\0b' }, 'Expected `publication`'],
    [{ publication: 7 }, 'Expected `publication` to be a text'],
    [{ name: '' }, 'Expected `name` to be a text'],
    [{ stateSchema: null }, 'Expected `stateSchema` to be a text'],
    [{ keys: ['id'] }, 'Expected `keys` to be an object'],
    [{ keys: { t: [] } }, "Expected `keys['t']` to be a list of column names"],
    [{ keys: { t: 'id' } }, "Expected `keys['t']` to be a list of column names"],
    [{ keys: { other: ['id'] } }, 'public.other'],
    [{ includeGenerated: 1 }, 'Expected `includeGenerated` to be true or false'],
    [{ replaces: 'replication' }, 'Expected `replaces` to be'],
    [{ acceptTables: 'yes' }, 'Expected `acceptTables` to be true or false'],
    [
      { slotWaitMs: -1 },
      'Expected `slotWaitMs` to be a positive integer or `false`, got `-1` (number)',
    ],
    [{ slotWaitMs: 0 }, 'Expected `slotWaitMs`'],
    [{ deadAfterMs: Number.POSITIVE_INFINITY }, 'Expected `deadAfterMs`'],
    [{ deadAfterMs: 2 ** 31 }, 'Expected `deadAfterMs`'],
    [
      { statusIntervalMs: -5 },
      'Expected `statusIntervalMs` to be a positive finite number, got `-5` (number)',
    ],
    [{ statusIntervalMs: Number.NaN }, 'Expected `statusIntervalMs`'],
    [{ statusIntervalMs: 2 ** 31 }, 'Expected `statusIntervalMs` to be at most'],
    [{ maxBufferedBytes: 1.5 }, 'Expected `maxBufferedBytes` to be a positive integer'],
    [{ maxMessageBytes: 2 ** 31 }, 'Expected `maxMessageBytes` to be at most'],
    [{ reconnect: 5 }, 'Expected `reconnect` to be an object'],
    [{ reconnect: { minDelayMs: 0 } }, 'Expected `reconnect.minDelayMs`'],
    [{ reconnect: { minDelayMs: 50, maxDelayMs: 10 } }, 'at least `reconnect.minDelayMs` (50)'],
    [{ reconnect: { delay: 5 } }, 'There is no option `reconnect.delay`'],
    [{ slots: 'x' }, 'There is no option `slots`. Did you mean `slot`?'],
    [{ publications: ['x'] }, 'Did you mean `publication`?'],
    [{ checkpoints: {} }, 'Expected `checkpoints` to have a method `load`'],
    [{ deadLetters: 5 }, 'Expected `deadLetters`'],
  ])('refuses %o', (options, message) => {
    expect(messageOf(options)).toContain(message);
  });

  test('the factory throws at once, and prints no secret (I11)', () => {
    const bad = (): unknown =>
      replicationSource({
        connection: 'postgresql://me:s3cret-canary@localhost/db',
        tables: ['t'],
        slotWaitMs: -1,
        env: {},
      });
    expect(bad).toThrow(ConfigurationError);
    expect(bad).not.toThrow('canary');
  });

  test('settles the care of the slot', () => {
    const settings = normalizeReplicationOptions(base);
    expect(settings).toMatchObject({
      care: {
        everyMs: 10_000,
        thresholds: {
          retainedBytes: 10 * 1024 ** 3,
          exhaustedInMs: 3_600_000,
          unacknowledgedMs: 900_000,
        },
      },
      heartbeat: false,
      takeover: false,
      failover: false,
      primary: null,
      recover: null,
    });
    const chosen = normalizeReplicationOptions({
      ...base,
      care: false,
      heartbeat: {},
      takeover: true,
      failover: { standbys: ['postgresql://me@localhost/standby'] },
      primary: 'postgresql://me@localhost/primary',
      recover: { gap: '0123456789abcdef', by: 'accept' },
    });
    expect(chosen).toMatchObject({
      care: false,
      heartbeat: { everyMs: 60_000 },
      takeover: { leaseMs: 10_000 },
      failover: { standbys: [{ database: 'standby' }] },
      recover: { gap: '0123456789abcdef', by: 'accept' },
    });
    // A standby takes no writes: state is kept on its primary.
    expect(chosen.stateConnection).toBe(chosen.primary);
  });

  test.each<readonly [object, string]>([
    [{ care: { everyMs: 0 } }, 'care.everyMs'],
    [{ care: { warn: 1 } }, 'care.warn'],
    [{ care: { warnRetainedBytes: -1 } }, 'care.warnRetainedBytes'],
    [{ heartbeat: true }, 'heartbeat'],
    [{ takeover: { leaseMs: 'x' } }, 'takeover.leaseMs'],
    [{ failover: { standbys: 'x' } }, 'failover.standbys'],
    [{ recover: { gap: 'all', by: 'accept' } }, 'recover.gap'],
    [{ recover: { gap: '0123456789abcdef' } }, 'recover.by'],
    [{ recover: { gap: '0123456789abcdef', by: 'skip' } }, 'recover.by'],
  ])('refuses %j', (options, name) => {
    expect(messageOf(options)).toContain(name);
  });
});
