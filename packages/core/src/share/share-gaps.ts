import type { Checkpoint, Position } from '../checkpoint/checkpoint.ts';
import { CdcError } from '../errors/cdc-error.ts';
import { GapError } from '../errors/source-error.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';

export function isGap(error: unknown): boolean {
  return CdcError.is(error) && error.code.startsWith('GAP_');
}

/** What a consumer has not had was given up for it before. */
export function givenUp(name: string, at: Position, kept: Position): GapError {
  return new GapError(
    'GAP_CONSUMER_DETACHED',
    `Consumer ${JSON.stringify(name)} stands at ${at}, but the shared source was acknowledged up to ${kept}.`,
    {
      remedy:
        'What lies between was given up: it was detached, or not among `consumers` for a while. Declare it under a new name and copy its tables again.',
    },
  );
}

/** What a consumer has not had is given up for it now. */
export function detached(name: string, at: Position): GapError {
  return new GapError(
    'GAP_CONSUMER_DETACHED',
    `Consumer ${JSON.stringify(name)} was detached at ${at}: it lagged beyond its limit.`,
    { remedy: 'Declare it under a new name and copy its tables again; raise the limit.' },
  );
}

/**
 * The checkpoint that a consumer goes on from. Null where it begins with the stream: it has none, or the stream goes on
 * behind a gap that it stands before, which was decided for all.
 */
export function ownPlace(
  after: Checkpoint | null,
  sharing: Pick<StreamSharing<object>, 'succeeds'>,
): Checkpoint | null {
  return after !== null && sharing.succeeds?.(after) === true ? null : after;
}
