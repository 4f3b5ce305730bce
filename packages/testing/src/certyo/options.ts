import { ConfigurationError } from '@certyo-cdc/core';
import { refuseUnknownOptions, wrongOption } from '@certyo-cdc/core/internal';
import type { CertyoApiKey } from './key-ring.ts';
import type { Retention } from './ledger.ts';

/** A moment in the life of a request, for tests that kill a client exactly there. */
export type EmulatorPhase = 'request-received' | 'applied' | 'responded';

/** The request that a phase belongs to. */
export interface EmulatorPhaseInfo {
  /** Counts requests from 1. */
  readonly requestNumber: number;
  readonly method: string;
  readonly path: string;
  /** How many records the request carries. */
  readonly recordCount: number;
  /** How many new effects it had; 0 in phase `request-received`. */
  readonly effectCount: number;
  /** The status of the answer, or null before there is one (and where there is none). */
  readonly status: number | null;
}

/** How many requests a client may make. */
export interface EmulatorRateLimit {
  readonly requests: number;
  readonly perMs: number;
  /** The form of Retry-After. @default 'seconds' */
  readonly retryAfter?: 'seconds' | 'http-date' | undefined;
}

/** A rate limit with its default filled in. */
export interface NormalizedRateLimit {
  readonly requests: number;
  readonly perMs: number;
  readonly retryAfter: 'seconds' | 'http-date';
}

/** How the Certyo emulator behaves. */
export interface CertyoEmulatorOptions {
  /** Address to listen on. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port to listen on; 0 takes a free one. @default 0 */
  readonly port?: number | undefined;
  /** Keys and what they are bound to. @default one key `certyo_sk_test_emulator` of tenant `test-tenant` */
  readonly keys?: readonly CertyoApiKey[] | undefined;
  /** Records that close a batch. @default 1000 */
  readonly batchCount?: number | undefined;
  /** Age that closes a batch, milliseconds. @default 60000 */
  readonly batchAgeMs?: number | undefined;
  /** From a closed batch to its block, milliseconds. @default 15000 */
  readonly anchorDelayMs?: number | undefined;
  /** From a failed anchoring to the next attempt, milliseconds; `false`: only on request. @default false */
  readonly autoRetryMs?: number | false | undefined;
  /** Requests allowed per client; `false`: any number. @default false */
  readonly rateLimit?: EmulatorRateLimit | false | undefined;
  /** Largest request body, bytes. @default 10485760 */
  readonly maxRequestBytes?: number | undefined;
  /** Largest recordPayload, bytes. @default 1048576 */
  readonly maxRecordBytes?: number | undefined;
  /** What stands before a record hash in answers; the public pages show both. @default '' */
  readonly hashPrefix?: '' | 'sha256:' | undefined;
  /**
   * What is remembered. `full`: every effect. `digest`: effects and last version per record, without payloads,
   * snapshots and batches. `counts`: only totals. Both of the latter remember the last 50,000 idempotency keys.
   * @default 'full'
   */
  readonly retention?: Retention | undefined;
  /** Port of the control endpoint for other processes; 0 takes a free one, `false`: none. @default false */
  readonly controlPort?: number | false | undefined;
  /** Called, and waited for, at moments of each request. */
  readonly onPhase?:
    | ((phase: EmulatorPhase, info: EmulatorPhaseInfo) => void | Promise<void>)
    | undefined;
}

/** Options with their defaults filled in. */
export interface NormalizedEmulatorOptions {
  readonly host: string;
  readonly port: number;
  readonly keys: readonly CertyoApiKey[];
  readonly batchCount: number;
  readonly batchAgeMs: number;
  readonly anchorDelayMs: number;
  readonly autoRetryMs: number | false;
  readonly rateLimit: NormalizedRateLimit | false;
  readonly maxRequestBytes: number;
  readonly maxRecordBytes: number;
  readonly hashPrefix: '' | 'sha256:';
  readonly retention: Retention;
  readonly controlPort: number | false;
  readonly onPhase: CertyoEmulatorOptions['onPhase'];
}

const DEFAULTS: NormalizedEmulatorOptions = Object.freeze({
  host: '127.0.0.1',
  port: 0,
  keys: [{ key: 'certyo_sk_test_emulator', tenantId: 'test-tenant' }],
  batchCount: 1000,
  batchAgeMs: 60_000,
  anchorDelayMs: 15_000,
  autoRetryMs: false,
  rateLimit: false,
  maxRequestBytes: 10 * 1024 * 1024,
  maxRecordBytes: 1024 * 1024,
  hashPrefix: '',
  retention: 'full',
  controlPort: false,
  onPhase: undefined,
});

/** Fills in the defaults. @throws ConfigurationError */
export function normalizeCertyoEmulatorOptions(
  options: CertyoEmulatorOptions = {},
): NormalizedEmulatorOptions {
  refuseUnknownOptions('', options, Object.keys(DEFAULTS));
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Partial<NormalizedEmulatorOptions>;
  const merged = { ...DEFAULTS, ...given };
  expect('host', merged.host, typeof merged.host === 'string' && merged.host !== '', 'an address');
  expect('port', merged.port, isPort(merged.port), 'a port from 0 to 65535');
  expect(
    'controlPort',
    merged.controlPort,
    merged.controlPort === false || isPort(merged.controlPort),
    'a port from 0 to 65535 or false',
  );
  for (const name of ['batchCount', 'maxRequestBytes', 'maxRecordBytes'] as const) {
    const value = merged[name];
    expect(name, value, Number.isSafeInteger(value) && value > 0, 'a positive integer');
  }
  for (const name of ['batchAgeMs', 'anchorDelayMs'] as const) {
    expect(name, merged[name], isDuration(merged[name]), 'a non-negative finite number');
  }
  expect(
    'autoRetryMs',
    merged.autoRetryMs,
    merged.autoRetryMs === false || isDuration(merged.autoRetryMs),
    'a non-negative finite number or false',
  );
  expect(
    'hashPrefix',
    merged.hashPrefix,
    ['', 'sha256:'].includes(merged.hashPrefix),
    "'' or 'sha256:'",
  );
  expect(
    'retention',
    merged.retention,
    ['full', 'digest', 'counts'].includes(merged.retention),
    "'full', 'digest' or 'counts'",
  );
  expect(
    'onPhase',
    merged.onPhase,
    merged.onPhase === undefined || typeof merged.onPhase === 'function',
    'a function',
  );
  return {
    ...merged,
    keys: normalizeKeys(merged.keys),
    rateLimit: normalizeRateLimit(merged.rateLimit),
  };
}

function normalizeKeys(keys: readonly CertyoApiKey[]): readonly CertyoApiKey[] {
  const isList = Array.isArray(keys) && keys.length > 0;
  if (!isList) {
    throw new ConfigurationError('keys', 'Expected `keys` to be a list of at least one key.');
  }
  // No message here shows a key: users may run the emulator with a real one.
  keys.forEach((key, index) => {
    if (!isText(key.key) || !isText(key.tenantId)) {
      throw new ConfigurationError(
        `keys[${index}]`,
        `Expected \`keys[${index}]\` to have a non-empty \`key\` and \`tenantId\`.`,
      );
    }
    if (key.clientId !== undefined && !isText(key.clientId)) {
      throw new ConfigurationError(
        `keys[${index}].clientId`,
        `Expected \`keys[${index}].clientId\` to be a non-empty string.`,
      );
    }
  });
  return keys.map((key) => ({ ...key }));
}

function normalizeRateLimit(limit: EmulatorRateLimit | false): NormalizedRateLimit | false {
  if (limit === false) return false;
  const { requests, perMs, retryAfter = 'seconds' } = limit;
  const isCount = Number.isSafeInteger(requests) && requests > 0;
  expect('rateLimit.requests', requests, isCount, 'a positive integer');
  expect('rateLimit.perMs', perMs, isDuration(perMs) && perMs > 0, 'a positive finite number');
  expect(
    'rateLimit.retryAfter',
    retryAfter,
    ['seconds', 'http-date'].includes(retryAfter),
    "'seconds' or 'http-date'",
  );
  return { requests, perMs, retryAfter };
}

function expect(option: string, value: unknown, isRight: boolean, expected: string): void {
  if (!isRight) throw wrongOption(option, expected, value);
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
