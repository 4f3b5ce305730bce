import { ConfigurationError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { pollingCapabilities } from './capabilities.ts';
import { normalizePollingOptions } from './normalize-options.ts';
import type { PollingSourceOptions } from './options.ts';
import { pollingSource } from './polling-source.ts';

const base = { connection: 'postgresql://u@localhost/d', env: {} } as const;

function wrong(options: unknown): string {
  try {
    normalizePollingOptions({ ...base, ...(options as PollingSourceOptions) });
  } catch (error) {
    return error instanceof ConfigurationError ? error.message : String(error);
  }
  return 'accepted';
}

describe(normalizePollingOptions, () => {
  test('settles defaults, and what they are for each kind of cursor', () => {
    const settings = normalizePollingOptions({
      ...base,
      tables: [
        'Orders',
        { table: { schema: 'a', name: 'B' }, cursor: { kind: 'timestamp', column: 'at' } },
        { table: 'log', cursor: { kind: 'id', column: 'id' } },
      ],
      keys: { log: ['id', 'part'] },
    });
    expect(settings).toMatchObject({ name: 'polling', maxPageRows: 1_000, replaces: null });
    expect(settings.tables).toMatchObject([
      {
        label: 'public.orders',
        cursor: { kind: 'xid', column: 'certyo_xid' },
        hardDeletes: 'tombstone',
      },
      { label: 'a."B"', cursor: { overlapMs: 10_000 }, hardDeletes: 'not-captured', key: null },
      { cursor: { kind: 'id', column: 'id' }, key: ['id', 'part'] },
    ]);
    expect(pollingCapabilities(settings)).toMatchObject({
      everyVersion: false,
      exact: false,
      updates: false,
      hardDeletes: 'not-captured',
    });
  });

  test('refuses what is wrong, by its full name', () => {
    expect(wrong({ tables: [] })).toContain('`tables`');
    expect(wrong({ tables: ['a', 'a'] })).toContain('twice');
    expect(wrong({ tables: ['certyo.leases'] })).toContain('never captured');
    expect(wrong({ tables: ['a'], name: 'Name' })).toContain('`name`');
    expect(wrong({ tables: [{ table: 'a', cursor: { kind: 'xmin' } }] })).toContain(
      'tables[0].cursor.kind',
    );
    expect(wrong({ tables: [{ table: 'a', cursor: { kind: 'timestamp' } }] })).toContain(
      'tables[0].cursor.column',
    );
    expect(wrong({ tables: [{ table: 'a', cursr: {} }] })).toContain('cursr');
    expect(wrong({ tables: [{ table: 'a', hardDeletes: {} }] })).toContain('reconcileMs');
    expect(wrong({ tables: [{ table: 'a', hardDeletes: 'yes' }] })).toContain("'tombstone'");
    expect(wrong({ tables: ['a'], keys: { b: ['id'] } })).toContain('does not list');
    expect(wrong({ tables: ['a'], intervalMs: { min: 10, max: 5 } })).toContain('intervalMs.max');
    expect(wrong({ tables: ['a'], intervals: 5 })).toContain('intervals');
    const soft = { table: 'a', cursor: { kind: 'id', column: 'i' }, softDelete: { column: 'd' } };
    expect(wrong({ tables: [soft] })).toContain('softDelete');
  });

  test('touches neither network nor files', () => {
    const source = pollingSource({ ...base, tables: ['t'] });
    expect(source).toMatchObject({ name: 'polling', kind: 'polling' });
    expect(Object.isFrozen(source)).toBe(true);
  });
});
