import { CdcError, GapError, SourceConnectionError, SourceSetupError } from '@certyo-cdc/core';
import {
  describePostgresError,
  judgeSourceFailure,
  quoteIdentifier,
  redactPostgresError,
  sqlStateOf,
} from '@certyo-cdc/postgres';
import { allowPluginRemedy } from '../decoders/plugin-library.ts';

/** Lack of memory, disk or time, a cancelled statement, a failing disk: worth another attempt, by the same slot. */
const PASSING_STATES = /^(?:53|57|58)/;

/**
 * Turns what a replication session failed with into an error of this library: by SQLSTATE, never by text.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function asStreamError(
  error: unknown,
  names: {
    readonly slot: string;
    readonly publication: string;
    readonly user: string;
    readonly decoder?: string | undefined;
  },
): Error {
  if (CdcError.is(error)) return error;
  switch (sqlStateOf(error)) {
    case '55006':
      return new SourceConnectionError(
        'SOURCE_BUSY',
        `The slot "${names.slot}" is in use by another connection (${describePostgresError(error)}).`,
        {
          cause: redactPostgresError(error),
          remedy:
            'Stop the other instance; or set slotWaitMs: false, to stand by until the slot is free.',
        },
      );
    case '55000':
    // A segment of the log that is still needed has been removed.
    case '58P01':
      return new GapError(
        'GAP_SLOT_LOST',
        `The slot "${names.slot}" can no longer give changes (${describePostgresError(error)}).`,
        {
          cause: redactPostgresError(error),
          remedy: `Run: SELECT pg_drop_replication_slot('${names.slot}'); then source.setup(), and copy the tables again.`,
        },
      );
    case '42704':
      return new GapError(
        'GAP_PUBLICATION',
        `The slot "${names.slot}" or the publication "${names.publication}" did not exist when a change was made (${describePostgresError(error)}).`,
        {
          cause: redactPostgresError(error),
          remedy:
            'A publication has to exist before the slot. Run source.teardown(), then source.setup(), and copy the tables again.',
        },
      );
    case '42501':
      return new SourceSetupError(
        `The role "${names.user}" may not use replication (${describePostgresError(error)}).`,
        {
          cause: redactPostgresError(error),
          remedy: `Run, as a superuser: ALTER ROLE ${quoteIdentifier(names.user)} REPLICATION;${
            names.decoder === undefined || names.decoder === 'pgoutput'
              ? ''
              : ` Or, where it has that: ${allowPluginRemedy(names.decoder)}`
          }`,
        },
      );
    default:
      return judgeSourceFailure(error, {
        work: 'the replication stream',
        failed: 'The replication stream failed',
        passing: PASSING_STATES,
      });
  }
}
