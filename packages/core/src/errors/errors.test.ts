import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import * as base from './cdc-error.ts';
import * as codes from './codes.ts';
import * as configuration from './configuration-error.ts';
import * as delivery from './delivery-error.ts';
import * as pipelineState from './pipeline-state-error.ts';
import * as source from './source-error.ts';
import * as store from './store-error.ts';
import * as value from './value-error.ts';

/** All that this folder exports. */
const core = {
  ...base,
  ...codes,
  ...configuration,
  ...delivery,
  ...pipelineState,
  ...source,
  ...store,
  ...value,
};
const { CdcError, ERROR_CODES } = core;

/** One of each class, for every code that it can carry. */
const SAMPLES: readonly (readonly [string, codes.ErrorCode, Error])[] = [
  ['ConfigurationError', 'CONFIG_INVALID', new core.ConfigurationError('option', 'message')],
  ['PipelineStateError', 'PIPELINE_STATE', new core.PipelineStateError('message')],
  ...(['SOURCE_UNREACHABLE', 'SOURCE_LOGIN_REFUSED', 'SOURCE_TLS', 'SOURCE_BUSY'] as const).map(
    (code) =>
      ['SourceConnectionError', code, new core.SourceConnectionError(code, 'message')] as const,
  ),
  ['SourceSetupError', 'SOURCE_SETUP', new core.SourceSetupError('message')],
  ['SourceProtocolError', 'SOURCE_PROTOCOL', new core.SourceProtocolError('message')],
  ['SourceSpoolError', 'SOURCE_SPOOL', new core.SourceSpoolError('message')],
  [
    'NotificationsOverflowError',
    'NOTIFICATIONS_OVERFLOW',
    new core.NotificationsOverflowError('m'),
  ],
  ...Object.keys(ERROR_CODES)
    .filter((code): code is codes.GapCode => code.startsWith('GAP_'))
    .map((code) => ['GapError', code, new core.GapError(code, 'message')] as const),
  ['ValueError', 'VALUE_UNREPRESENTABLE', new core.ValueError(null, 'message')],
  ['UnavailableValueError', 'VALUE_UNAVAILABLE', new core.UnavailableValueError('s.t', ['c'])],
  ['MappingError', 'MAPPING_FAILED', new core.MappingError('id', 'message')],
  ['DeliveryConnectionError', 'DELIVERY_CONNECTION', new core.DeliveryConnectionError('message')],
  ['DeliveryTimeoutError', 'DELIVERY_TIMEOUT', new core.DeliveryTimeoutError('message')],
  ['HttpStatusError', 'HTTP_STATUS', new core.HttpStatusError(500, 'message')],
  ['HttpStatusError', 'API_KEY_REFUSED', new core.HttpStatusError(401, 'message')],
  ['HttpStatusError', 'REDIRECT_REFUSED', new core.HttpStatusError(307, 'message')],
  ['ResponseInvalidError', 'RESPONSE_INVALID', new core.ResponseInvalidError(200, 'message')],
  ['RecordRejectedError', 'RECORD_REJECTED', new core.RecordRejectedError('message')],
  ['RetriesExhaustedError', 'RETRIES_EXHAUSTED', new core.RetriesExhaustedError('message')],
  ['CheckpointError', 'CHECKPOINT_STORE', new core.CheckpointError('message', { retryable: true })],
  ['CheckpointFencedError', 'CHECKPOINT_FENCED', new core.CheckpointFencedError('message')],
  [
    'DeadLetterError',
    'DEAD_LETTER_STORE',
    new core.DeadLetterError('message', { retryable: true }),
  ],
  ['ReceiptError', 'RECEIPT_STORE', new core.ReceiptError('message', { retryable: true })],
  ['WindowError', 'WINDOW_STORE', new core.WindowError('message', { retryable: true })],
  ...(['WRITE_BACK', 'WRITE_BACK_LOOP'] as const).map(
    (code) =>
      [
        'WriteBackError',
        code,
        new core.WriteBackError(code, 'message', { retryable: false }),
      ] as const,
  ),
];

describe('errors', () => {
  test.each(SAMPLES)('%s with %s is what it says', (className, code, error) => {
    expect(error.name).toBe(className);
    expect(error.constructor.name).toBe(className);
    expect(core[className as keyof typeof core]).toBe(error.constructor);
    expect(error).toMatchObject({ code });
    expect(ERROR_CODES).toHaveProperty(code);
    expect(error).toHaveProperty('retryable');
    expect(CdcError.is(error)).toBe(true);
    expect(Object.keys(error)).not.toContain('Symbol(certyo-cdc.error)');
  });

  test('every exported error class has a sample', () => {
    const exported = Object.entries(core)
      .filter(([, each]) => typeof each === 'function' && each.prototype instanceof CdcError)
      .map(([name]) => name);
    expect(exported.sort()).toEqual([...new Set(SAMPLES.map(([name]) => name))].sort());
  });

  test('every error class in this folder is exported by the package', () => {
    const index = readFileSync(new URL('../index.ts', import.meta.url), 'utf8');
    const folder = new URL('.', import.meta.url);
    const classes = readdirSync(folder)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .flatMap((file) => [
        ...readFileSync(new URL(file, folder), 'utf8').matchAll(
          /export (?:abstract )?class (\w+)/gu,
        ),
      ])
      .map((match) => match[1] ?? '');
    expect(classes.length).toBeGreaterThan(10);
    for (const name of classes) {
      expect(core).toHaveProperty(name);
      expect(index).toMatch(new RegExp(`\\b${name}\\b`, 'u'));
    }
  });

  test('every code has a sample, a cause and a remedy', () => {
    expect(Object.keys(ERROR_CODES).sort()).toEqual(SAMPLES.map(([, code]) => code).sort());
    for (const { happened, cause, remedy } of Object.values(ERROR_CODES)) {
      for (const text of [happened, cause, remedy]) expect(text).toMatch(/^\S.*\.$/su);
    }
  });

  test('a message ends with the remedy, and the cause is kept', () => {
    const cause = new Error('first');
    const error = new core.SourceSetupError('It failed.', { cause, remedy: 'Do this.' });
    expect(error.message).toBe('It failed. Do this.');
    expect(error.remedy).toBe('Do this.');
    expect(error.cause).toBe(cause);
    expect('cause' in new core.SourceSetupError('It failed.')).toBe(false);
  });

  test('CdcError.is recognises errors of a second copy of the library', async () => {
    const url = new URL('configuration-error.ts?copy=2', import.meta.url).href;
    const copy = (await import(/* @vite-ignore */ url)) as typeof configuration;
    const error = new copy.ConfigurationError('option', 'message');
    expect(copy.ConfigurationError).not.toBe(core.ConfigurationError);
    expect(error).not.toBeInstanceOf(core.ConfigurationError);
    expect(CdcError.is(error)).toBe(true);
    expect(CdcError.is(new Error('message'))).toBe(false);
    expect(CdcError.is(null)).toBe(false);
  });
});
