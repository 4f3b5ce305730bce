import { CdcError } from '@certyo-cdc/core';

import { describePostgresError } from '../sqlstate/describe-postgres-error.ts';
import { PostgresServerError } from '../sqlstate/postgres-error.ts';

/** What to say of a store's failed statement. */
export interface StoreFailure {
  readonly said: string;
  readonly retryable: boolean;
  readonly remedy: string | undefined;
}

/** The SQL that would mend a failure. */
export interface StoreRemedies {
  readonly setup: readonly string[];
  readonly grants: readonly string[];
}

/** Classes and codes of failures that pass: PostgreSQL documentation, appendix A. */
const PASSING = /^(?:40|53|57|58|08)|^55P03$|^25006$/;

/** Judges a failed statement of a store by SQLSTATE. */
export function judgeStoreFailure(error: unknown, remedies: StoreRemedies): StoreFailure {
  const said = describePostgresError(error).replace(/\.$/, '');
  if (error instanceof PostgresServerError) {
    if (error.code === '42P01' || error.code === '3F000')
      return {
        said,
        retryable: false,
        remedy: `Call setup() once, or run: ${remedies.setup.join(' ')}`,
      };
    if (error.code === '42501')
      return { said, retryable: false, remedy: `Run as the owner: ${remedies.grants.join(' ')}` };
    return { said, retryable: PASSING.test(error.code), remedy: undefined };
  }
  return { said, retryable: CdcError.is(error) && error.retryable, remedy: undefined };
}
