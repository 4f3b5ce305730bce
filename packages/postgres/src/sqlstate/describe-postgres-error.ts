import { CdcError } from '@certyo-cdc/core';

import {
  PostgresServerError,
  serverErrorFields,
  type ServerErrorFields,
} from './postgres-error.ts';

/**
 * Classes whose primary message names objects only, never values. Not 22 (data exceptions quote the value), 42601 (quotes
 * the statement), P0 (raised by users' functions).
 */
const SAFE_CLASSES: readonly string[] = [
  '08',
  '0A',
  '23',
  '25',
  '28',
  '3D',
  '3F',
  '40',
  '42',
  '53',
  '54',
  '55',
  '57',
  '58',
];
const UNSAFE_CODES: readonly string[] = ['42601', '42000'];
/** Raised by PL/pgSQL's RAISE: the code and text are the user's. */
const RAISED: readonly string[] = ['exec_stmt_raise', 'exec_stmt_assert'];

/** Says what an error is, in words that hold no row value, no parameter and no secret. */
export function describePostgresError(error: unknown): string {
  if (error instanceof PostgresServerError) return error.message;
  const fields = serverErrorFields(error);
  if (fields !== null) return describeServerError(fields);
  if (CdcError.is(error)) return error.message;
  // Node's error for a host with several addresses has no text of its own.
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.map((inner) => describePostgresError(inner)).join('; ');
  if (error instanceof Error) {
    const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
    const text = error.message === '' ? error.name : error.message;
    return text.includes(code.slice(2, -1)) ? text : `${text}${code}`;
  }
  return 'an error of unknown kind';
}

/** The same error with everything left out that can hold row values. Fit to be a `cause`. */
export function redactPostgresError(error: unknown): unknown {
  if (error instanceof PostgresServerError) return error;
  const fields = serverErrorFields(error);
  if (fields !== null) return new PostgresServerError(describeServerError(fields), fields);
  return error;
}

function describeServerError(fields: ServerErrorFields): string {
  const where = [
    fields.table === null
      ? null
      : `table ${[fields.schema, fields.table].filter(Boolean).join('.')}`,
    fields.column === null ? null : `column ${fields.column}`,
    fields.constraint === null ? null : `constraint ${fields.constraint}`,
  ].filter((part) => part !== null);
  const text = isSafe(fields)
    ? fields.message
    : `message withheld, routine ${fields.routine ?? '?'}`;
  const place = where.length === 0 ? '' : ` [${where.join(', ')}]`;
  return `${fields.severity ?? 'ERROR'} ${fields.code}: ${text}${place}`;
}

function isSafe(fields: ServerErrorFields): boolean {
  if (UNSAFE_CODES.includes(fields.code)) return false;
  if (fields.routine !== null && RAISED.includes(fields.routine)) return false;
  return SAFE_CLASSES.includes(fields.code.slice(0, 2));
}
