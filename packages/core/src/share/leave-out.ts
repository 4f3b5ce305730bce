import type { Position } from '../checkpoint/checkpoint.ts';
import { SourceProtocolError } from '../errors/source-error.ts';
import type { ChangeBatch } from '../source/change-source.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';

/** How far a consumer has come in a stream that is read again from an earlier position. */
export interface Place {
  /** The newest end that it has. */
  readonly end: Position;
  /** The last event that it has behind that end: of a transaction whose end it has not had yet. */
  readonly lastEventId: string | null;
}

/** What is left of a batch. */
export interface Remainder<Row extends object> {
  readonly batch: ChangeBatch<Row> | null;
  readonly place: Place;
  /** True when nothing that follows can be something that the consumer has. */
  readonly isPast: boolean;
}

/** Leaves out of a batch what a consumer has: what lies at or below its end, and up to its last event behind that. */
export function leaveOut<Row extends object>(
  batch: ChangeBatch<Row>,
  place: Place,
  sharing: Pick<StreamSharing<Row>, 'compare' | 'isCovered'>,
): Remainder<Row> {
  let { lastEventId } = place;
  const events = batch.events.filter((event) => {
    if (sharing.isCovered(event, place.end)) return false;
    if (lastEventId === null) return true;
    if (event.id === lastEventId) lastEventId = null;
    return false;
  });
  const isPast = batch.end !== null && sharing.compare(batch.end, place.end) > 0;
  if (isPast && lastEventId !== null) {
    throw new SourceProtocolError(
      'A transaction did not hold the same changes when it was read again for a consumer.',
      { remedy: 'Nothing is lost: start the consumer again, it goes on from its checkpoint.' },
    );
  }
  const end = isPast ? batch.end : null;
  const isEmpty = events.length === 0 && end === null;
  const bytes = events.length === 0 ? 0 : batch.bytes;
  return {
    batch: isEmpty ? null : { events, bytes, end },
    place: { end: place.end, lastEventId },
    isPast,
  };
}
