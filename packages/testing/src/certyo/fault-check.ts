import { ConfigurationError } from '@certyo-cdc/core';
import { wrongOption } from '@certyo-cdc/core/internal';
import type { CertyoFault } from './fault.ts';

type Check = (value: unknown) => string | null;

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value) ? null : `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`;
const nonNegative: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? null
    : 'a non-negative finite number';
const positiveInteger: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) > 0 ? null : 'a positive integer';
const text: Check = (value) =>
  typeof value === 'string' && value !== '' ? null : 'a non-empty string';
const status: Check = (value) =>
  Number.isInteger(value) && Number(value) >= 200 && Number(value) <= 599
    ? null
    : 'an HTTP status from 200 to 599';
const count: Check = (value) => (value === false ? null : positiveInteger(value));
const match: Check = (value) =>
  typeof value === 'function' || (typeof value === 'object' && value !== null)
    ? null
    : 'a function or an object';
const boolean = oneOf(true, false);

interface Rules {
  readonly required?: Readonly<Record<string, Check>>;
  readonly optional?: Readonly<Record<string, Check>>;
}

const COMMON: Readonly<Record<string, Check>> = { match, count };

const RULES: Readonly<Record<CertyoFault['kind'], Rules>> = {
  reject: { optional: { ...COMMON, scope: oneOf('record', 'request'), code: text } },
  'fail-after-accept': { optional: COMMON },
  hold: { optional: { ...COMMON, applies: boolean } },
  slow: {
    required: { delayMs: nonNegative },
    optional: { ...COMMON, applies: oneOf('early', 'late') },
  },
  partial: {
    optional: { ...COMMON, mode: oneOf('omit', 'reject', 'reverse'), every: positiveInteger },
  },
  garbage: {
    optional: {
      ...COMMON,
      body: oneOf('html', 'truncated', 'empty', 'unrelated'),
      applies: boolean,
    },
  },
  redirect: {
    required: { status: oneOf(301, 302, 303, 307, 308), location: text },
    optional: COMMON,
  },
  'rate-limit': {
    optional: {
      ...COMMON,
      retryAfter: oneOf('seconds', 'http-date', 'text', 'absent', 'absurd'),
      seconds: nonNegative,
    },
  },
  status: { required: { status }, optional: { ...COMMON, applies: boolean } },
  down: { optional: { count } },
  'anchor-failure': { optional: COMMON },
};

const MATCH_FIELDS = [
  'method',
  'path',
  'tenantId',
  'database',
  'collection',
  'recordId',
  'recordVersion',
  'operationType',
  'idempotencyKey',
];

/** Refuses a fault that does not exist or that has a wrong field. @throws ConfigurationError */
export function checkFault(fault: CertyoFault): void {
  const fields: Readonly<Record<string, unknown>> = { ...fault };
  const rules = Object.entries(RULES).find(([kind]) => kind === fields['kind'])?.[1];
  if (rules === undefined) {
    throw wrong('kind', `one of ${Object.keys(RULES).join(', ')}`, fields['kind']);
  }
  for (const [name, check] of Object.entries(rules.required ?? {})) {
    const expected = check(fields[name]);
    if (expected !== null) throw wrong(name, expected, fields[name]);
  }
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'kind' || value === undefined || rules.required?.[name] !== undefined) continue;
    const check = rules.optional?.[name];
    if (check === undefined) {
      throw new ConfigurationError(
        `fault.${name}`,
        `A fault of kind \`${fault.kind}\` has no field \`${name}\`.`,
      );
    }
    const expected = check(value);
    if (expected !== null) throw wrong(name, expected, value);
  }
  checkMatch(fields['match']);
}

function checkMatch(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const name of Object.keys(value)) {
    if (!MATCH_FIELDS.includes(name)) {
      throw new ConfigurationError(
        `fault.match.${name}`,
        `Expected \`fault.match\` to name only ${MATCH_FIELDS.join(', ')}, got \`${name}\`.`,
      );
    }
  }
}

function wrong(name: string, expected: string, got: unknown): ConfigurationError {
  return wrongOption(`fault.${name}`, expected, got);
}
