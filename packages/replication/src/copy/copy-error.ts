import { CdcError, SourceConnectionError, SourceSetupError } from '@certyo-cdc/core';
import {
  describePostgresError,
  judgeSourceFailure,
  quoteIdentifier,
  redactPostgresError,
  sqlStateOf,
} from '@certyo-cdc/postgres';

/** Conflicts with recovery, deadlocks, time-outs, resources, outside causes: another attempt may succeed. */
const PASSING_STATES = /^(?:40|53|55|57|58)/;

/** Turns what reading rows failed with into an error of this library: by SQLSTATE, never by text. */
export function asCopyError(error: unknown, names: { readonly user: string }): Error {
  const judged = judgeSourceFailure(error, {
    work: 'the copy of rows',
    failed: 'Rows could not be copied',
    passing: PASSING_STATES,
  });
  const state = sqlStateOf(error);
  const said = describePostgresError(error);
  const cause = redactPostgresError(error);
  if (state === null) {
    const isMistake = error instanceof TypeError || error instanceof RangeError;
    if (judged !== error || isMistake || CdcError.is(error)) return judged;
    return new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      `A connection for copies was lost: ${said}.`,
      { cause },
    );
  }
  if (state === '42501') {
    return new SourceSetupError(`The role "${names.user}" may not copy rows: ${said}.`, {
      cause,
      remedy: `GRANT SELECT on the tables and their partitions to ${quoteIdentifier(names.user)}; where row security would hide rows, ALTER ROLE ${quoteIdentifier(names.user)} BYPASSRLS;`,
    });
  }
  if (state.startsWith('42') || state.startsWith('3F')) {
    return new SourceSetupError(`Rows could not be copied: ${said}.`, {
      cause,
      remedy: 'Correct the table, or the condition of the backfill.',
    });
  }
  return judged;
}
