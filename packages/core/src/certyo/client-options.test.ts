import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';

import { ConfigurationError } from '../errors/configuration-error.ts';
import { secret } from '../internal/secret.ts';
import { createCertyoClient } from './certyo-client.ts';
import type { CertyoClientOptions } from './client-options.ts';

const CANARY = 'canary-4711';
const GOOD: CertyoClientOptions = { apiKey: 'key', tenantId: 'tenant', env: {} };

function errorOf(options: unknown): ConfigurationError {
  try {
    createCertyoClient(options as CertyoClientOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('createCertyoClient', () => {
  test('takes key, tenant and URL from the environment', () => {
    const env = {
      CERTYO_API_KEY: 'key',
      CERTYO_TENANT_ID: 'tenant',
      CERTYO_BASE_URL: 'https://api.example.org/certyo/',
    };
    const client = createCertyoClient({ env });
    expect(client.tenantId).toBe('tenant');
    expect(client.baseUrl).toBe('https://api.example.org/certyo');
    expect(createCertyoClient(GOOD).baseUrl).toBe('https://www.certyos.com');
  });

  test.each([
    [{ ...GOOD, apiKey: undefined }, 'apiKey', 'Set the environment variable CERTYO_API_KEY'],
    [{ ...GOOD, apiKey: undefined, env: { CERTYO_API_KEY: '' } }, 'apiKey', 'CERTYO_API_KEY'],
    [{ ...GOOD, tenantId: undefined }, 'tenantId', 'Set the environment variable CERTYO_TENANT_ID'],
    [{ ...GOOD, apiKey: 7 }, 'apiKey', 'Expected `apiKey`'],
    [{ ...GOOD, apiKey: `${CANARY}\r\nx-other: 1` }, 'apiKey', 'printable ASCII'],
    [{ ...GOOD, apiKey: `${CANARY} b` }, 'apiKey', 'printable ASCII'],
    [{ ...GOOD, apiKey: secret(`${CANARY}é`) }, 'apiKey', 'printable ASCII'],
    [{ ...GOOD, tenantId: ' ' }, 'tenantId', 'Expected `tenantId`'],
    [
      { ...GOOD, timeoutMs: -1 },
      'timeoutMs',
      'Expected `timeoutMs` to be a positive finite number, got `-1` (number)',
    ],
    [{ ...GOOD, timeoutMs: 2 ** 31 }, 'timeoutMs', 'at most 2147483647'],
    [{ ...GOOD, timeoutMs: Number.NaN }, 'timeoutMs', 'got `NaN` (number)'],
    [{ ...GOOD, timeoutMs: '5' }, 'timeoutMs', 'got a string of 1 characters'],
    [{ ...GOOD, maxResponseBytes: 0.5 }, 'maxResponseBytes', 'a positive integer'],
    [{ ...GOOD, timeoutMS: 5 }, 'timeoutMS', 'Did you mean `timeoutMs`?'],
    [{ ...GOOD, key: 'x' }, 'key', 'There is no option `key`'],
    [{ ...GOOD, baseUrl: 'www.certyos.com' }, 'baseUrl', 'an absolute URL'],
    [{ ...GOOD, baseUrl: 'http://api.example.org' }, 'baseUrl', 'an https URL'],
    [{ ...GOOD, baseUrl: 'http://127.0.0.1.example.org' }, 'baseUrl', 'an https URL'],
    [{ ...GOOD, baseUrl: 'http://localhost.example.org' }, 'baseUrl', 'an https URL'],
    [{ ...GOOD, baseUrl: 'ftp://localhost' }, 'baseUrl', 'an https URL'],
    [{ ...GOOD, baseUrl: 'file:///etc/passwd' }, 'baseUrl', 'an https URL'],
    [
      { ...GOOD, baseUrl: `https://user:${CANARY}@example.org` },
      'baseUrl',
      'without user and password',
    ],
    [{ ...GOOD, baseUrl: `https://example.org/?key=${CANARY}` }, 'baseUrl', 'without query'],
    [{ ...GOOD, baseUrl: `https://${CANARY}:99999` }, 'baseUrl', 'an absolute URL'],
  ])('refuses %j, naming the option and the remedy', (options, option, message) => {
    const error = errorOf(options);
    expect(error.option).toBe(option);
    expect(error.message).toContain(message);
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(CANARY);
  });

  test.each(['http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://a.localhost'])(
    'allows http to this machine: %s',
    (baseUrl) => {
      expect(createCertyoClient({ ...GOOD, baseUrl }).baseUrl).toBe(baseUrl);
    },
  );

  test('allows http elsewhere when asked to', () => {
    const options = { ...GOOD, baseUrl: 'http://api.internal', allowInsecureHttp: true };
    expect(createCertyoClient(options).baseUrl).toBe('http://api.internal');
  });

  test('I11: the key is in nothing that can be printed', () => {
    for (const apiKey of [CANARY, secret(CANARY), () => CANARY]) {
      const client = createCertyoClient({ ...GOOD, apiKey });
      const printed = [
        inspect(client, { showHidden: true, depth: 9 }),
        JSON.stringify(client),
        String(client),
        client.scope,
      ].join('\n');
      expect(printed).not.toContain(CANARY);
    }
    const holder = secret(CANARY);
    expect(
      `${String(holder)} ${JSON.stringify({ holder })} ${inspect(holder, { showHidden: true })}`,
    ).toBe('[redacted] {"holder":"[redacted]"} [redacted]');
    expect(holder.reveal()).toBe(CANARY);
  });

  test('the scope is the same for the same URL and key only', () => {
    const scope = (options: CertyoClientOptions): string =>
      createCertyoClient({ ...GOOD, ...options }).scope;
    expect(scope({})).toBe(scope({ apiKey: secret('key'), timeoutMs: 5 }));
    expect(scope({})).not.toBe(scope({ apiKey: 'other' }));
    expect(scope({})).not.toBe(scope({ baseUrl: 'https://example.org' }));
    const apiKey = (): string => 'key';
    expect(scope({ apiKey })).not.toBe(scope({ apiKey }));
  });
});
