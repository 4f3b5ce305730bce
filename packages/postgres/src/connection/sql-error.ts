import { CdcError, SourceConnectionError } from '@certyo-cdc/core';

import { classifyPostgresError } from '../sqlstate/classify-postgres-error.ts';
import { redactPostgresError } from '../sqlstate/describe-postgres-error.ts';
import { PostgresServerError } from '../sqlstate/postgres-error.ts';

/**
 * What a failed statement rejects with: a connection error, or the server's error without row values. What the driver
 * throws without a code (`Connection terminated unexpectedly`, `timeout exceeded …`) tells of a lost connection too.
 */
export function sqlError(error: unknown): unknown {
  if (CdcError.is(error) || error instanceof PostgresServerError) return error;
  const known = classifyPostgresError(error);
  if (known !== undefined) return known;
  const redacted = redactPostgresError(error);
  if (redacted instanceof PostgresServerError) return redacted;
  const isMistake = error instanceof TypeError || error instanceof RangeError;
  if (!(error instanceof Error) || 'code' in error || isMistake) return error;
  return new SourceConnectionError(
    'SOURCE_UNREACHABLE',
    `The connection to PostgreSQL could not be made or was lost: ${error.message}.`,
    { cause: error },
  );
}
