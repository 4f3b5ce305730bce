import { CdcError, GapError, SourceSetupError } from '@certyo-cdc/core';
import { tableLabel } from '@certyo-cdc/core/internal';
import {
  describePostgresError,
  judgeSourceFailure,
  leaseGrantSql,
  type QualifiedName,
  redactPostgresError,
  sqlStateOf,
} from '@certyo-cdc/postgres';
import { changeLogGrantSql } from '../setup/change-log-sql.ts';

/** Something that the statement names does not exist: a table, a column, a schema, a function. */
const MISSING_STATES: readonly string[] = ['42P01', '42703', '3F000', '42883'];

/**
 * Turns what a statement about the log failed with into an error of this library: by SQLSTATE, never by text.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function asSourceError(
  error: unknown,
  names: {
    readonly log: QualifiedName;
    readonly user: string;
    /** True once changes were read, of which some may then be lost. */
    readonly hasBegun: boolean;
  },
): Error {
  if (CdcError.is(error)) return error;
  const { log, user } = names;
  const state = sqlStateOf(error);
  const said = describePostgresError(error);
  const cause = redactPostgresError(error);
  if (state !== null && MISSING_STATES.includes(state)) {
    return names.hasBegun
      ? new GapError(
          'GAP_LOG',
          `The change log ${tableLabel(log)} is not what it was, or gone (${said}).`,
          {
            cause,
            remedy: 'Run source.setup(); then copy the tables again under a new pipeline name.',
          },
        )
      : new SourceSetupError(`The change log ${tableLabel(log)} is not set up (${said}).`, {
          cause,
          remedy:
            'Run source.setup(), or have a DBA run what source.setup({ dryRun: true }) prints.',
        });
  }
  if (state === '42501') {
    return new SourceSetupError(`The role "${user}" may not read the change log (${said}).`, {
      cause,
      remedy: grants(log, user),
    });
  }
  return judgeSourceFailure(error, {
    work: 'the change log',
    failed: 'Reading the change log failed',
  });
}

/** What a role needs to read and prune the log. */
function grants(log: QualifiedName, user: string): string {
  const sql = [
    ...changeLogGrantSql(user, { stateSchema: log.schema, log: log.name }),
    ...leaseGrantSql(user, log.schema),
  ];
  return `Run, as the owner of the change log:\n${[...new Set(sql)].map((statement) => `  ${statement}`).join('\n')}`;
}
