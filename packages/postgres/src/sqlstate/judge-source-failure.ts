import { SourceConnectionError, SourceProtocolError } from '@certyo-cdc/core';

import { classifyPostgresError } from './classify-postgres-error.ts';
import { describePostgresError, redactPostgresError } from './describe-postgres-error.ts';
import { sqlStateOf } from './postgres-error.ts';

/** Deadlocks and the like, lack of memory, disk or time, a failing disk: worth another attempt. */
const PASSING_STATES = /^(?:40|53|55P03|57|58)/;

/** What a source says of a failure that means nothing to it in particular. */
export interface SourceFailureWords {
  /** As in "The server could not go on with …". */
  readonly work: string;
  /** As in "…: ERROR 22000". */
  readonly failed: string;
  /** SQLSTATEs that are worth another attempt. @default 40, 53, 55P03, 57, 58 */
  readonly passing?: RegExp | undefined;
}

/**
 * Turns what a statement of a source failed with into an error of this library, after the source has picked the states that mean
 * something to it: by SQLSTATE, never by text.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function judgeSourceFailure(
  error: unknown,
  { work, failed, passing = PASSING_STATES }: SourceFailureWords,
): Error {
  const known = classifyPostgresError(error);
  if (known !== undefined) return known;
  const state = sqlStateOf(error);
  if (state === null && error instanceof Error) return error;
  const said = describePostgresError(error);
  const cause = redactPostgresError(error);
  if (state === null || !passing.test(state))
    return new SourceProtocolError(`${failed}: ${said}.`, { cause });
  return new SourceConnectionError(
    'SOURCE_UNREACHABLE',
    `The server could not go on with ${work} (${said}).`,
    { cause },
  );
}
