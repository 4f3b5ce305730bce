import type { RowChange } from '../event/change-event.ts';
import type { OperationType } from './certyo-types.ts';
import type { UnavailableColumns } from './unavailable-policy.ts';

/** A row that is the payload itself: no text is made of it on the way. */
export interface RowPayload {
  readonly event: RowChange;
  /** All columns where it is undefined. */
  readonly includes: ((column: string) => boolean) | undefined;
  readonly image: 'before' | 'after';
}

/** A record before it is written: what was mapped from an event. */
export interface RecordDraft {
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordVersion: string;
  readonly operationType: OperationType;
  /** ISO 8601, or null where the source does not know it. */
  readonly sourceTimestamp: string | null;
  /** A JSON object as text, or the row that is written as one; goes into the body as it is. */
  readonly payload: string | RowPayload;
  /** What the payload names under `_unavailable`; null where it shows all. */
  readonly unavailable: UnavailableColumns | null;
}

/** The payload as text. */
export function payloadText({ payload }: RecordDraft): string {
  if (typeof payload === 'string') return payload;
  return payload.event.canonicalRow(payload.includes, payload.image);
}
