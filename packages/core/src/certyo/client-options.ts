import { createHash, randomUUID } from 'node:crypto';

import type { Dispatcher } from 'undici';

import { ConfigurationError } from '../errors/configuration-error.ts';
import {
  booleanOption,
  MAX_TIMER_MS,
  positiveNumber,
  positiveInteger,
  refuseUnknownOptions,
  wrongSecretOption,
} from '../internal/option-checks.ts';
import { isSecret, secret, type Secret } from '../internal/secret.ts';
import { normalizeBaseUrl, type BaseUrl } from './base-url.ts';
import { defaultCodecs, type CertyoCodecs } from './codecs.ts';

/** An API key, or a function that is asked for it before every request, for rotation. */
export type ApiKey =
  | string
  | Secret
  | ((options: { readonly signal: AbortSignal }) => string | Secret | Promise<string | Secret>);

/** Options of `createCertyoClient`. */
export interface CertyoClientOptions {
  /**
   * The API key. It is sent in the header `X-API-Key` only, and never printed.
   *
   * @default the environment variable `CERTYO_API_KEY`
   */
  readonly apiKey?: ApiKey | undefined;
  /**
   * The tenant that the key belongs to.
   *
   * @default the environment variable `CERTYO_TENANT_ID`
   */
  readonly tenantId?: string | undefined;
  /**
   * Where the API is: https, or http on this machine.
   *
   * @default the environment variable `CERTYO_BASE_URL`, else `https://www.certyos.com`
   */
  readonly baseUrl?: string | undefined;
  /**
   * Allows http to another machine; the key can then be read on the way.
   *
   * @default false
   */
  readonly allowInsecureHttp?: boolean | undefined;
  /**
   * Longest time for a whole request with its answer, milliseconds.
   *
   * @default 30000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Longest time for a connection to be made, milliseconds.
   *
   * @default 10000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Longest time from the request to the headers of its answer, milliseconds.
   *
   * @default timeoutMs
   */
  readonly headersTimeoutMs?: number | undefined;
  /**
   * Longest pause between two parts of an answer, milliseconds.
   *
   * @default timeoutMs
   */
  readonly bodyTimeoutMs?: number | undefined;
  /**
   * Largest answer that is read, bytes.
   *
   * @default 16777216
   */
  readonly maxResponseBytes?: number | undefined;
  /**
   * Most connections at once. Without effect when `dispatcher` is given.
   *
   * @default 16
   */
  readonly maxConnections?: number | undefined;
  /**
   * An undici dispatcher to use, for example a proxy agent. It is not closed with the client, and must not follow
   * redirects.
   *
   * @default an Agent of the client's own, with keep-alive
   */
  readonly dispatcher?: Dispatcher | undefined;
  /** Replaces what the API's public documentation leaves open, part by part. */
  readonly codecs?: Partial<CertyoCodecs> | undefined;
  /**
   * Where the environment variables are read.
   *
   * @default process.env
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * The clock, milliseconds since 1970.
   *
   * @default Date.now
   */
  readonly now?: (() => number) | undefined;
}

/** Names of all options, for factories that take them among their own. */
export const CLIENT_OPTION_NAMES: readonly (keyof CertyoClientOptions)[] = [
  'apiKey',
  'tenantId',
  'baseUrl',
  'allowInsecureHttp',
  'timeoutMs',
  'connectTimeoutMs',
  'headersTimeoutMs',
  'bodyTimeoutMs',
  'maxResponseBytes',
  'maxConnections',
  'dispatcher',
  'codecs',
  'env',
  'now',
];

/** What the client works with. */
export interface NormalizedClientOptions {
  readonly apiKey: Exclude<ApiKey, string>;
  readonly tenantId: string;
  readonly baseUrl: BaseUrl;
  readonly scope: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxConnections: number;
  readonly dispatcher: Dispatcher | undefined;
  readonly codecs: CertyoCodecs;
  readonly now: () => number;
}

const DEFAULTS = Object.freeze({
  baseUrl: 'https://www.certyos.com',
  timeoutMs: 30_000,
  connectTimeoutMs: 10_000,
  maxResponseBytes: 16 * 1024 * 1024,
  maxConnections: 16,
});

/** Checks the options and fills in the environment and the defaults. */
export function normalizeClientOptions(options: CertyoClientOptions): NormalizedClientOptions {
  refuseUnknownOptions('', options, CLIENT_OPTION_NAMES);
  const env = options.env ?? process.env;
  const apiKey = normalizeApiKey(options.apiKey ?? fromEnvironment(env, 'CERTYO_API_KEY'));
  const baseUrl = normalizeBaseUrl(
    options.baseUrl ?? fromEnvironment(env, 'CERTYO_BASE_URL') ?? DEFAULTS.baseUrl,
    booleanOption('allowInsecureHttp', options.allowInsecureHttp, false),
  );
  const timeoutMs = positiveNumber(
    'timeoutMs',
    options.timeoutMs,
    DEFAULTS.timeoutMs,
    MAX_TIMER_MS,
  );
  return {
    apiKey,
    tenantId: normalizeTenantId(options.tenantId ?? fromEnvironment(env, 'CERTYO_TENANT_ID')),
    baseUrl,
    scope: scopeOf(baseUrl, apiKey),
    timeoutMs,
    connectTimeoutMs: positiveNumber(
      'connectTimeoutMs',
      options.connectTimeoutMs,
      DEFAULTS.connectTimeoutMs,
      MAX_TIMER_MS,
    ),
    headersTimeoutMs: positiveNumber(
      'headersTimeoutMs',
      options.headersTimeoutMs,
      timeoutMs,
      MAX_TIMER_MS,
    ),
    bodyTimeoutMs: positiveNumber('bodyTimeoutMs', options.bodyTimeoutMs, timeoutMs, MAX_TIMER_MS),
    maxResponseBytes: positiveInteger(
      'maxResponseBytes',
      options.maxResponseBytes,
      DEFAULTS.maxResponseBytes,
    ),
    maxConnections: positiveInteger(
      'maxConnections',
      options.maxConnections,
      DEFAULTS.maxConnections,
    ),
    dispatcher: options.dispatcher,
    codecs: { ...defaultCodecs, ...withoutUndefined(options.codecs ?? {}) },
    now: options.now ?? Date.now,
  };
}

/** Checks a key as it was given or as the caller's function returned it. Never prints it. */
export function checkApiKey(value: unknown): Secret {
  const text: unknown = isSecret(value) ? value.reveal() : value;
  if (typeof text !== 'string' || text === '') {
    throw wrongSecretOption('apiKey', 'a text that is not empty, a Secret or a function', text);
  }
  // Anything else could end the header and begin another.
  if (!/^[\x21-\x7e]+$/u.test(text)) {
    throw wrongSecretOption('apiKey', 'printable ASCII without spaces', text);
  }
  return isSecret(value) ? value : secret(text);
}

function normalizeApiKey(value: unknown): Exclude<ApiKey, string> {
  if (value === undefined) {
    throw new ConfigurationError('apiKey', 'The API key is missing.', {
      remedy: 'Set the environment variable CERTYO_API_KEY or the option `apiKey`.',
    });
  }
  return typeof value === 'function' ? (value as Exclude<ApiKey, string>) : checkApiKey(value);
}

function normalizeTenantId(value: unknown): string {
  if (value === undefined) {
    throw new ConfigurationError('tenantId', 'The tenant is missing.', {
      remedy: 'Set the environment variable CERTYO_TENANT_ID or the option `tenantId`.',
    });
  }
  if (typeof value !== 'string' || value.trim() === '') {
    throw wrongSecretOption('tenantId', 'a text that is not empty', value);
  }
  return value;
}

function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

/** The same for two clients with the same URL and key. A digest of 64 bits reveals nothing of a random key. */
function scopeOf(baseUrl: BaseUrl, apiKey: Exclude<ApiKey, string>): string {
  if (!isSecret(apiKey)) return `certyo-${randomUUID()}`;
  const digest = createHash('sha256')
    .update(`${baseUrl.origin}${baseUrl.prefix}\0${apiKey.reveal()}`)
    .digest('hex');
  return `certyo-${digest.slice(0, 16)}`;
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
