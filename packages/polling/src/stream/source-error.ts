import { CdcError, GapError, SourceSetupError } from '@certyo-cdc/core';
import {
  describePostgresError,
  judgeSourceFailure,
  quoteIdentifier,
  redactPostgresError,
  sqlStateOf,
} from '@certyo-cdc/postgres';

/** Something that a statement names does not exist: a table, a column, a schema, a function. */
const MISSING_STATES: readonly string[] = ['42P01', '42703', '3F000', '42883'];

/**
 * Turns what a statement failed with into an error of this library: by SQLSTATE, never by text.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function asSourceError(
  error: unknown,
  names: {
    readonly user: string;
    readonly stateSchema: string;
    /** True once tables were read. */
    readonly hasBegun: boolean;
  },
): Error {
  if (CdcError.is(error)) return error;
  const state = sqlStateOf(error);
  const said = describePostgresError(error);
  const cause = redactPostgresError(error);
  if (names.hasBegun && (state === '42P01' || state === '3F000')) {
    return new GapError('GAP_TABLE', `A table is gone, or what setup made for it (${said}).`, {
      cause,
      remedy: 'Restore it, run source.setup(), and start under a new pipeline name.',
    });
  }
  if (state !== null && MISSING_STATES.includes(state)) {
    return new SourceSetupError(`The tables are not set up for polling (${said}).`, {
      cause,
      remedy: 'Run source.setup(), or have a DBA run what source.setup({ dryRun: true }) prints.',
    });
  }
  if (state === '42501') {
    const schema = quoteIdentifier(names.stateSchema);
    const role = quoteIdentifier(names.user);
    return new SourceSetupError(`The role "${names.user}" lacks a right (${said}).`, {
      cause,
      remedy: `Grant it, as the owner: GRANT USAGE ON SCHEMA ${schema} TO ${role}; and on its tables as the README says.`,
    });
  }
  return judgeSourceFailure(error, { work: 'polling', failed: 'Polling failed' });
}
