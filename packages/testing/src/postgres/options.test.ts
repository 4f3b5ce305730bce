import { describe, expect, test } from 'vitest';

import { renderHba, renderSettings } from './configuration.ts';
import { normalizePostgresOptions, type PostgresOptions } from './options.ts';
import type { PostgresServer } from './postgres-server.ts';

function refusal(options: object): string {
  try {
    normalizePostgresOptions(options);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

describe('normalizePostgresOptions', () => {
  test('fills in the defaults and ignores undefined', () => {
    const options: PostgresOptions = { major: undefined, hba: undefined };
    expect(normalizePostgresOptions(options)).toEqual({
      major: 18,
      settings: {},
      hba: [],
      password: null,
      tls: null,
      standbyOf: null,
      storage: 'memory',
      signal: null,
    });
  });

  test('copies what it gets', () => {
    const settings = { work_mem: '1MB' };
    const hba = ['host all all all reject'];
    const normalized = normalizePostgresOptions({ settings, hba });
    settings.work_mem = '2MB';
    hba.length = 0;
    expect(normalized.settings).toEqual({ work_mem: '1MB' });
    expect(normalized.hba).toHaveLength(1);
  });

  test.each([
    [{ major: 9 }, 'PostgreSQL 9 is not supported'],
    [
      { major: '18' },
      'Expected `major` to be a major version of PostgreSQL such as 18, got a string of 2',
    ],
    [{ major: 18.4 }, 'Expected `major` to be a major version'],
    [{ version: 18 }, 'There is no option `version`. Known options: major, settings,'],
    [
      { storage: 'tape' },
      "Expected `storage` to be 'memory' or 'disk', got a string of 4 characters.",
    ],
    [{ password: '' }, 'Expected `password` to be a non-empty string.'],
    [{ hba: 'host all' }, 'Expected `hba` to be an array of lines of pg_hba.conf'],
    [{ settings: { port: 1 } }, '`settings.port` belongs to the harness and cannot be set.'],
    [{ settings: { work_mem: null } }, 'Expected `settings.work_mem` to be a string, a number'],
    [{ standbyOf: { major: 11 } }, 'Expected `standbyOf` to be a server of PostgreSQL 12 or newer'],
    [
      { standbyOf: { major: 17 }, major: 18 },
      'Expected `major` to be 17, the major of `standbyOf`',
    ],
  ])('refuses %j', (options, message) => {
    expect(refusal(options)).toContain(message);
  });

  test('a standby is of its primary’s major', () => {
    const primary: Pick<PostgresServer, 'major'> = { major: 16 };
    const options = { standbyOf: primary as PostgresServer };
    expect(normalizePostgresOptions(options).major).toBe(16);
  });
});

describe('renderSettings', () => {
  test('quotes what PostgreSQL reads otherwise', () => {
    expect(renderSettings({ a: "it's\\x", b: 5, c: true, d: false })).toBe(
      "a = 'it''s\\\\x'\nb = '5'\nc = on\nd = off\n",
    );
  });
});

describe('renderHba', () => {
  test('puts the given lines first, as the first match decides', () => {
    const lines = renderHba(['host all app all reject'], 'scram-sha-256').split('\n');
    expect(lines[0]).toBe('host all app all reject');
    expect(lines).toContain('host replication all ::1/128 scram-sha-256');
    expect(lines).toContain('local all all trust');
  });
});
