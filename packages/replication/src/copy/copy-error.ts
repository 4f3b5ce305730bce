import {
  CdcError,
  SourceConnectionError,
  SourceProtocolError,
  SourceSetupError,
} from '@certyo-cdc/core';
import {
  classifyPostgresError,
  describePostgresError,
  quoteIdentifier,
  redactPostgresError,
} from '@certyo-cdc/postgres';

/** Conflicts with recovery, deadlocks, time-outs, resources, outside causes: another attempt may succeed. */
const PASSING_STATES = /^(?:40|53|55|57|58)/;

/** Turns what reading rows failed with into an error of this library: by SQLSTATE, never by text. */
export function asCopyError(error: unknown, names: { readonly user: string }): Error {
  if (CdcError.is(error)) return error;
  const known = classifyPostgresError(error);
  if (known !== undefined) return known;
  const code: unknown = (error as { readonly code?: unknown } | null)?.code;
  const cause = redactPostgresError(error);
  const said = describePostgresError(error);
  if (typeof code !== 'string') {
    const isMistake = error instanceof TypeError || error instanceof RangeError;
    if (isMistake || !(error instanceof Error)) return error as Error;
    return new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      `A connection for copies was lost: ${said}.`,
      {
        cause,
      },
    );
  }
  if (PASSING_STATES.test(code)) {
    return new SourceConnectionError('SOURCE_UNREACHABLE', `Rows could not be copied: ${said}.`, {
      cause,
    });
  }
  if (code === '42501') {
    return new SourceSetupError(`The role "${names.user}" may not copy rows: ${said}.`, {
      cause,
      remedy: `GRANT SELECT on the tables and their partitions to ${quoteIdentifier(names.user)}; where row security would hide rows, ALTER ROLE ${quoteIdentifier(names.user)} BYPASSRLS;`,
    });
  }
  if (code.startsWith('42') || code.startsWith('3F')) {
    return new SourceSetupError(`Rows could not be copied: ${said}.`, {
      cause,
      remedy: 'Correct the table, or the condition of the backfill.',
    });
  }
  return new SourceProtocolError(`Rows could not be copied: ${said}.`, { cause });
}
