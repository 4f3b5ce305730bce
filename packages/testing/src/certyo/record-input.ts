import { RawJson, type JsonInput } from './raw-json.ts';

/** What Certyo knows as `operationType`. */
export const OPERATION_TYPES = ['insert', 'update', 'delete', 'upsert'] as const;

/** What Certyo knows as `operationType`. */
export type OperationType = (typeof OPERATION_TYPES)[number];

/** A record of a request that has passed validation. */
export interface IncomingRecord {
  readonly tenantId: string;
  readonly clientId: string | null;
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordVersion: string;
  readonly operationType: OperationType;
  readonly payload: RawJson;
  readonly sourceTimestamp: string | null;
  readonly idempotencyKey: string | null;
}

/** Why a record is refused. */
export interface RecordRefusal {
  readonly code: string;
  readonly field: string | null;
  readonly message: string;
}

export interface RecordLimits {
  readonly maxRecordBytes: number;
}

/** Most characters in `idempotencyKey`. */
const MAX_KEY_LENGTH = 256;
/** Most characters in the other strings. */
const MAX_TEXT_LENGTH = 4096;

const TIMESTAMP =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

type Fields = { readonly [name: string]: JsonInput };

/** Checks one record of a request: the record, or the first thing that is wrong with it. */
export function readRecord(
  input: JsonInput,
  limits: RecordLimits,
): { readonly record: IncomingRecord } | { readonly refusal: RecordRefusal } {
  if (!isFields(input)) {
    return refuse('invalid_type', null, 'The record must be a JSON object.');
  }
  for (const name of ['tenantId', 'database', 'collection', 'recordId']) {
    const problem = textProblem(input, name, true, MAX_TEXT_LENGTH);
    if (problem !== null) return { refusal: problem };
  }
  for (const name of ['clientId', 'recordVersion', 'operationType', 'sourceTimestamp']) {
    const problem = textProblem(input, name, false, MAX_TEXT_LENGTH);
    if (problem !== null) return { refusal: problem };
  }
  const keyProblem = textProblem(input, 'idempotencyKey', false, MAX_KEY_LENGTH);
  if (keyProblem !== null) return { refusal: keyProblem };

  const payload = input['recordPayload'];
  if (payload === undefined) {
    return refuse('missing_field', 'recordPayload', 'recordPayload is required.');
  }
  if (!(payload instanceof RawJson) || !payload.isObject) {
    return refuse('invalid_type', 'recordPayload', 'recordPayload must be a JSON object.');
  }
  // A character is at most three bytes: only long payloads need counting.
  if (
    payload.text.length * 3 > limits.maxRecordBytes &&
    Buffer.byteLength(payload.text) > limits.maxRecordBytes
  ) {
    return refuse(
      'record_too_large',
      'recordPayload',
      `recordPayload must be at most ${limits.maxRecordBytes} bytes.`,
    );
  }
  const operationType = text(input, 'operationType') ?? 'upsert';
  if (!isOperationType(operationType)) {
    return refuse(
      'invalid_value',
      'operationType',
      `operationType must be one of ${OPERATION_TYPES.join(', ')}.`,
    );
  }
  const sourceTimestamp = text(input, 'sourceTimestamp');
  if (sourceTimestamp !== null && !TIMESTAMP.test(sourceTimestamp)) {
    return refuse(
      'invalid_value',
      'sourceTimestamp',
      'sourceTimestamp must be an ISO 8601 time with a time zone, like 2026-04-14T10:00:00Z.',
    );
  }
  return {
    record: {
      tenantId: text(input, 'tenantId') ?? '',
      clientId: text(input, 'clientId'),
      database: text(input, 'database') ?? '',
      collection: text(input, 'collection') ?? '',
      recordId: text(input, 'recordId') ?? '',
      recordVersion: text(input, 'recordVersion') ?? '1',
      operationType,
      payload,
      sourceTimestamp,
      idempotencyKey: text(input, 'idempotencyKey'),
    },
  };
}

/** True for a JSON object that is neither an array nor raw text. */
export function isFields(input: JsonInput | undefined): input is { [name: string]: JsonInput } {
  return (
    typeof input === 'object' &&
    input !== null &&
    !Array.isArray(input) &&
    !(input instanceof RawJson)
  );
}

/** What is wrong with a string field, or null. */
export function textProblem(
  fields: Fields,
  name: string,
  isRequired: boolean,
  maxLength: number = MAX_TEXT_LENGTH,
): RecordRefusal | null {
  const value = fields[name];
  if (value === undefined || value === null) {
    return isRequired
      ? { code: 'missing_field', field: name, message: `${name} is required.` }
      : null;
  }
  if (typeof value !== 'string') {
    return { code: 'invalid_type', field: name, message: `${name} must be a string.` };
  }
  if (value === '') {
    return { code: 'invalid_value', field: name, message: `${name} must not be empty.` };
  }
  if (value.length > maxLength) {
    return {
      code: 'invalid_value',
      field: name,
      message: `${name} must be at most ${maxLength} characters.`,
    };
  }
  return null;
}

function text(fields: Fields, name: string): string | null {
  const value = fields[name];
  return typeof value === 'string' ? value : null;
}

function isOperationType(value: string): value is OperationType {
  return (OPERATION_TYPES as readonly string[]).includes(value);
}

function refuse(code: string, field: string | null, message: string): { refusal: RecordRefusal } {
  return { refusal: { code, field, message } };
}
