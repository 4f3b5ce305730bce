import type { Position } from '../checkpoint/checkpoint.ts';
import { SourceProtocolError } from '../errors/source-error.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import type { ChangeBatch } from '../source/change-source.ts';
import type { StreamSharing } from '../source/stream-sharing.ts';

/** How far a consumer has come in a stream that is read again from an earlier position. */
export interface Place {
  /** The newest end that it has. */
  readonly end: Position;
  /** The last event of a place of its own that it has behind that end: of a transaction whose end it has not had yet. */
  readonly lastEventId: string | null;
  /** True when events of that transaction have been left out already. */
  readonly isWithin: boolean;
}

/** What is left of a batch. */
export interface Remainder<Row extends object> {
  readonly batch: ChangeBatch<Row> | null;
  readonly place: Place;
  /** True when nothing that follows can be something that the consumer has. */
  readonly isPast: boolean;
}

/**
 * Whether an event comes at the same place whenever the stream is read. Copied rows and what belongs to no transaction may
 * come elsewhere, among others: they are given again rather than left out by mistake.
 */
export function hasItsPlace(event: ChangeEvent<object>): boolean {
  return event.transaction !== null && event.operation !== 'snapshot';
}

/** Leaves out of a batch what a consumer has: what lies at or below its end, and up to its last event behind that. */
export function leaveOut<Row extends object>(
  batch: ChangeBatch<Row>,
  place: Place,
  sharing: Pick<StreamSharing<Row>, 'compare' | 'isCovered'>,
): Remainder<Row> {
  let { isWithin, lastEventId } = place;
  const events = batch.events.filter((event) => {
    if (sharing.isCovered(event, place.end)) return false;
    if (lastEventId === null || !hasItsPlace(event)) return true;
    isWithin = true;
    if (event.id === lastEventId) lastEventId = null;
    return false;
  });
  const isBehind = batch.end !== null && sharing.compare(batch.end, place.end) > 0;
  if (isBehind && lastEventId !== null && isWithin) {
    throw new SourceProtocolError(
      'A transaction did not hold the same changes when it was read again for a consumer.',
      { remedy: 'Nothing is lost: start the consumer again, it goes on from its checkpoint.' },
    );
  }
  // An end without changes may come now where none came before: it lies before the transaction, and comes too late.
  const isPast = isBehind && lastEventId === null;
  const end = isPast ? batch.end : null;
  const isEmpty = events.length === 0 && end === null;
  const bytes = events.length === 0 ? 0 : batch.bytes;
  return {
    batch: isEmpty ? null : { events, bytes, end },
    place: { end: place.end, lastEventId, isWithin },
    isPast,
  };
}
