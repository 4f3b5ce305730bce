import { describe, expect, test } from 'vitest';
import { formatLsn, parseLsn, sortableLsn } from './lsn.ts';
import { isoFromPgTime, pgTimeFromUnixMs, unixMsFromPgTime } from './pg-time.ts';
import { readServerError } from './server-error.ts';
import { statusUpdateFrame } from './status-update.ts';

describe(parseLsn, () => {
  test.each([
    ['0/0', 0n],
    ['16/B374D848', 0x16_b374_d848n],
    ['ff/a', 0xff_0000_000an],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
  ])('reads %s', (text, lsn) => {
    expect(parseLsn(text)).toBe(lsn);
    expect(formatLsn(lsn)).toBe(text.toUpperCase());
  });

  test.each(['', '0', '0/', '/0', '123456789/0', '0/123456789', '0/0 ', '0/G', '0/0/0', '-1/0'])(
    'refuses `%s`',
    (text) => {
      expect(parseLsn(text)).toBeNull();
    },
  );

  test('sortable form sorts as the number does', () => {
    const lsns = [0n, 0xffn, 0x1_0000_0000n, 0x16_b374_d848n, 0xffff_ffff_ffff_ffffn];
    expect(lsns.map(sortableLsn)).toEqual([...lsns.map(sortableLsn)].sort());
    expect(new Set(lsns.map((lsn) => sortableLsn(lsn).length))).toEqual(new Set([16]));
  });
});

describe(isoFromPgTime, () => {
  test.each([
    [0n, '2000-01-01T00:00:00.000000Z'],
    [1n, '2000-01-01T00:00:00.000001Z'],
    [-1n, '1999-12-31T23:59:59.999999Z'],
    [-1_000n, '1999-12-31T23:59:59.999000Z'],
    [-1_001n, '1999-12-31T23:59:59.998999Z'],
    [820_540_799_123_456n, '2025-12-31T23:59:59.123456Z'],
  ])('%s is %s', (micros, iso) => {
    expect(isoFromPgTime(micros)).toBe(iso);
  });

  test('milliseconds go to and fro', () => {
    for (const ms of [0, 946_684_800_000, 946_684_799_999, 1_767_225_599_123]) {
      expect(unixMsFromPgTime(pgTimeFromUnixMs(ms))).toBe(ms);
    }
  });
});

describe(statusUpdateFrame, () => {
  test('R-02: reports what was received as written, and only what is acknowledged as flushed and applied', () => {
    const frame = statusUpdateFrame({
      received: 0x1_0000_0002n,
      acknowledged: 0x1_0000_0001n,
      nowMs: 946_684_800_001,
      replyRequested: true,
    });
    expect(frame.toString('hex')).toBe(
      [
        '64',
        '00000026',
        '72',
        '0000000100000002',
        '0000000100000001',
        '0000000100000001',
        '00000000000003e8',
        '01',
      ].join(''),
    );
    const quiet = statusUpdateFrame({
      received: 0n,
      acknowledged: 0n,
      nowMs: 0,
      replyRequested: false,
    });
    expect(quiet).toHaveLength(39);
    expect(quiet[38]).toBe(0);
  });
});

describe(readServerError, () => {
  test('reads severity, state and message, and nothing that may hold values', () => {
    const body = Buffer.from(
      'SFEHLER\0VFATAL\0C57P01\0Mgone\0Dsecret detail\0Hsecret hint\0Wsecret context\0\0',
    );
    const error = readServerError(body, 0, body.length);
    expect(error).toMatchObject({ severity: 'FATAL', code: '57P01', message: 'gone' });
    expect(JSON.stringify({ ...error, stack: error.stack })).not.toContain('secret');
  });

  test('a cut message still gives an error', () => {
    const body = Buffer.from('VFATAL\0C57P0');
    expect(readServerError(body, 0, body.length)).toMatchObject({
      severity: 'FATAL',
      code: 'XX000',
    });
  });
});
