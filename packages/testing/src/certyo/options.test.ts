import { ConfigurationError } from '@certyo-cdc/core';
import { describe, expect, test } from 'vitest';
import { normalizeCertyoEmulatorOptions } from './options.ts';
import type { CertyoEmulatorOptions } from './options.ts';

describe('normalizeCertyoEmulatorOptions', () => {
  test('fills in the documented defaults and ignores undefined', () => {
    expect(normalizeCertyoEmulatorOptions({ port: undefined })).toEqual({
      host: '127.0.0.1',
      port: 0,
      keys: [{ key: 'certyo_sk_test_emulator', tenantId: 'test-tenant' }],
      batchCount: 1000,
      batchAgeMs: 60_000,
      anchorDelayMs: 15_000,
      autoRetryMs: false,
      rateLimit: false,
      maxRequestBytes: 10_485_760,
      maxRecordBytes: 1_048_576,
      hashPrefix: '',
      retention: 'full',
      controlPort: false,
      onPhase: undefined,
    });
  });

  test.each([
    [{ port: -1 }, 'Expected `port` to be a port from 0 to 65535, got `-1` (number).'],
    [{ controlPort: true }, 'Expected `controlPort` to be a port from 0 to 65535 or false'],
    [{ batchCount: 0 }, 'Expected `batchCount` to be a positive integer, got `0` (number).'],
    [{ batchAgeMs: Infinity }, 'Expected `batchAgeMs` to be a non-negative finite number'],
    [{ autoRetryMs: -1 }, 'Expected `autoRetryMs` to be a non-negative finite number or false'],
    [{ hashPrefix: '0x' }, "Expected `hashPrefix` to be '' or 'sha256:'"],
    [{ retention: 'none' }, "Expected `retention` to be 'full', 'digest' or 'counts'"],
    [{ onPhase: 1 }, 'Expected `onPhase` to be a function'],
    [{ keys: [] }, 'Expected `keys` to be a list of at least one key.'],
    [{ keys: [{ key: 'secret' }] }, 'Expected `keys[0]` to have a non-empty `key` and `tenantId`.'],
    [{ rateLimit: { requests: 1, perMs: 0 } }, 'Expected `rateLimit.perMs` to be a positive'],
    [{ batchAge: 1 }, 'There is no option `batchAge`. Did you mean `batchAgeMs`?'],
    [{ anchorDelay: 1 }, 'There is no option `anchorDelay`. Did you mean `anchorDelayMs`?'],
    [{ prot: 1 }, 'There is no option `prot`. Did you mean `port`?'],
    [{ onfaze: 1 }, 'Did you mean `onPhase`?'],
    [{ zzzzzz: 1 }, 'There is no option `zzzzzz`. Known options: host, port'],
  ])('%j is refused', (options, message) => {
    const normalize = (): unknown =>
      normalizeCertyoEmulatorOptions(options as CertyoEmulatorOptions);
    expect(normalize).toThrow(ConfigurationError);
    expect(normalize).toThrow(message);
  });

  test('I11: a wrong key is never shown', () => {
    const keys = [{ key: 'canary', tenantId: '' }];
    expect(() => normalizeCertyoEmulatorOptions({ keys })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('canary') }),
    );
  });
});
