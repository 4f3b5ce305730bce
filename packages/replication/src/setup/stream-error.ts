import {
  CdcError,
  GapError,
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
  const state = sqlState(error);
  switch (state) {
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
      break;
  }
  const known = classifyPostgresError(error);
  if (known !== undefined) return known;
  if (state !== null && PASSING_STATES.test(state)) {
    return new SourceConnectionError(
      'SOURCE_UNREACHABLE',
      `The server could not go on with the replication stream (${describePostgresError(error)}).`,
      { cause: redactPostgresError(error) },
    );
  }
  if (state === null && error instanceof Error) return error;
  return new SourceProtocolError(
    `The replication stream failed: ${describePostgresError(error)}.`,
    { cause: redactPostgresError(error) },
  );
}

function sqlState(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' ? code : null;
}
