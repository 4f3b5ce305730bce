import type { AnchoringStatus, Batch, LifecycleEntry } from './batch.ts';
import type { IncomingRecord } from './record-input.ts';

/** One effect: a record that was accepted, with its place in a batch. */
export class StoredRecord {
  readonly sequence: number;
  readonly input: IncomingRecord;
  readonly recordHash: string;
  readonly acceptedAtMs: number;
  /** How often it was sent, replays included. */
  attempts = 1;
  batch: Batch | null = null;
  indexInBatch = -1;
  /** When it last entered the way to the chain: at its acceptance, or at a retry. */
  enteredAtMs: number;
  /** States of earlier batches, before a retry. */
  earlier: readonly LifecycleEntry[] = [];

  constructor(sequence: number, input: IncomingRecord, recordHash: string, acceptedAtMs: number) {
    this.sequence = sequence;
    this.input = input;
    this.recordHash = recordHash;
    this.acceptedAtMs = acceptedAtMs;
    this.enteredAtMs = acceptedAtMs;
  }

  get recordId(): string {
    return this.input.recordId;
  }

  get snapshotId(): string {
    return `snap_${String(this.sequence).padStart(10, '0')}`;
  }

  get status(): AnchoringStatus {
    return this.batch === null ? 'Ingested' : this.batch.status;
  }

  get lifecycle(): readonly LifecycleEntry[] {
    const entries: LifecycleEntry[] =
      this.earlier.length > 0
        ? [...this.earlier]
        : [{ status: 'Ingested', atMs: this.acceptedAtMs, reason: null }];
    if (this.batch !== null) {
      entries.push({ status: 'PendingAnchor', atMs: this.enteredAtMs, reason: null });
      entries.push(...this.batch.history);
    }
    return entries;
  }
}

/** The sequence number in a snapshot id, or null. */
export function sequenceOfSnapshot(snapshotId: string): number | null {
  return /^snap_\d{10,15}$/.test(snapshotId) ? Number(snapshotId.slice(5)) : null;
}
