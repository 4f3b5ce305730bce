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

/** Where a consumer goes on. */
export interface ConsumerPlace {
  /** Null where the stream begins. */
  readonly own: Checkpoint | null;
  /** It is to be given what the stream begins with: the record of a gap that was decided for all. */
  readonly fromBegin: boolean;
}

export function placeOf(
  after: Checkpoint | null,
  {
    begin,
    compare,
    placeBehindGap,
  }: Pick<StreamSharing<object>, 'begin' | 'compare' | 'placeBehindGap'>,
): ConsumerPlace {
  const behind = after === null ? null : (placeBehindGap?.(after) ?? null);
  if (behind === null) return { own: after, fromBegin: after === null };
  return { own: compare(behind, begin) > 0 ? after : null, fromBegin: true };
}
