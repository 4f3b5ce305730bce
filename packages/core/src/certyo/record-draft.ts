import type { ByteWriter } from '../json/byte-writer.ts';
import type { OperationType } from './certyo-types.ts';
import type { UnavailableColumns } from './unavailable-policy.ts';

/** A record before it is written: what was mapped from an event. */
export interface RecordDraft {
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordVersion: string;
  readonly operationType: OperationType;
  /** ISO 8601, or null where the source does not know it. */
  readonly sourceTimestamp: string | null;
  /** A JSON object as text, or what writes it; goes into the body as it is. */
  readonly payload: string | ((out: ByteWriter) => void);
  /** What the payload names under `_unavailable`; null where it shows all. */
  readonly unavailable: UnavailableColumns | null;
}
