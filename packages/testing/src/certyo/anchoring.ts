import { Batch, type ChainBlock } from './batch.ts';
import type { StoredRecord } from './stored-record.ts';

export interface AnchoringOptions {
  readonly batchCount: number;
  readonly batchAgeMs: number;
  readonly anchorDelayMs: number;
  readonly autoRetryMs: number | false;
  /** False: batches forget their records and leaves as soon as they are closed. */
  readonly keepsRecords: boolean;
  /** Asked at each attempt: true makes it fail. */
  readonly failsBatch: (batch: Batch) => boolean;
}

const FIRST_BLOCK = 60_000_000;

/**
 * Takes records from Ingested to Anchored or Failed. Does nothing by itself: `advanceTo` does what is due.
 *
 *     accepted → Ingested ─────→ PendingAnchor ─full or old→ Batched ─delay→ Anchored
 *                                     ↑                         ↑  └──────→ Failed
 *                                     └── retry of a snapshot ──┴── automatic retry ┘
 */
export class Anchoring {
  readonly #options: AnchoringOptions;
  #ingested: StoredRecord[] = [];
  readonly #open = new Map<string, Batch>();
  #waiting: Batch[] = [];
  readonly batches: Map<string, Batch> = new Map();
  readonly chain: ChainBlock[] = [];
  #batchNumber = 0;
  #blockNumber = FIRST_BLOCK;
  /** Records on their way. */
  pending = 0;
  anchored = 0;
  failed = 0;

  constructor(options: AnchoringOptions) {
    this.#options = options;
  }

  add(record: StoredRecord): void {
    this.pending += 1;
    this.#ingested.push(record);
  }

  /** Anchors a failed record again, in a new batch. False when it has not failed. */
  retry(record: StoredRecord, nowMs: number): boolean {
    if (record.status !== 'Failed') return false;
    record.earlier = [...record.lifecycle, { status: 'Ingested', atMs: nowMs, reason: 'retry' }];
    record.batch = null;
    record.enteredAtMs = nowMs;
    this.failed -= 1;
    this.add(record);
    return true;
  }

  /** Does what is due, step by step at the moment at which each step was due, until nothing is. */
  advanceTo(nowMs: number): void {
    let due = this.nextDueMs();
    while (due !== null && due <= nowMs) {
      this.#tick(due);
      due = this.nextDueMs();
    }
  }

  #tick(nowMs: number): void {
    // Records come in order of time: those that entered until now are the first ones.
    const later = this.#ingested.findIndex((record) => record.enteredAtMs > nowMs);
    const entered = later === -1 ? this.#ingested : this.#ingested.slice(0, later);
    this.#ingested = later === -1 ? [] : this.#ingested.slice(later);
    for (const record of entered) this.#accumulate(record, nowMs);
    for (const batch of this.#open.values()) {
      if (nowMs - batch.openedAtMs >= this.#options.batchAgeMs) this.#close(batch, nowMs);
    }
    this.#attemptDue(nowMs);
  }

  /** Closes every open batch, however young. */
  closeAll(nowMs: number): void {
    this.advanceTo(nowMs);
    for (const batch of this.#open.values()) this.#close(batch, nowMs);
    this.#attemptDue(nowMs);
  }

  /** When there is something to do next, or null. */
  nextDueMs(): number | null {
    let next: number | null = this.#ingested[0]?.enteredAtMs ?? null;
    for (const batch of this.#open.values()) {
      next = earlier(next, batch.openedAtMs + this.#options.batchAgeMs);
    }
    for (const batch of this.#waiting) next = earlier(next, batch.dueAtMs);
    return next;
  }

  #accumulate(record: StoredRecord, nowMs: number): void {
    const tenantId = record.input.tenantId;
    let batch = this.#open.get(tenantId);
    if (batch === undefined) {
      this.#batchNumber += 1;
      batch = new Batch(`batch_${String(this.#batchNumber).padStart(8, '0')}`, tenantId, nowMs);
      this.#open.set(tenantId, batch);
      if (this.#options.keepsRecords) this.batches.set(batch.id, batch);
    }
    record.batch = batch;
    record.indexInBatch = batch.size;
    batch.size += 1;
    batch.leaves.push(record.recordHash);
    if (this.#options.keepsRecords) batch.records.push(record);
    if (batch.size >= this.#options.batchCount) this.#close(batch, nowMs);
  }

  #close(batch: Batch, nowMs: number): void {
    this.#open.delete(batch.tenantId);
    batch.close(nowMs);
    if (!this.#options.keepsRecords) batch.leaves = [];
    batch.dueAtMs = nowMs + this.#options.anchorDelayMs;
    this.#waiting.push(batch);
  }

  #attemptDue(nowMs: number): void {
    const due = this.#waiting.filter((batch) => batch.dueAtMs !== null && batch.dueAtMs <= nowMs);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((batch) => !due.includes(batch));
    for (const batch of due) this.#attempt(batch, nowMs);
  }

  #attempt(batch: Batch, nowMs: number): void {
    if (batch.status === 'Failed') {
      // An automatic retry; a snapshot that was retried by hand has gone to another batch.
      const size = this.#sizeNow(batch);
      this.failed -= size;
      this.pending += size;
      batch.retry(nowMs);
    }
    batch.attempts += 1;
    const size = this.#sizeNow(batch);
    this.pending -= size;
    if (this.#options.failsBatch(batch)) {
      batch.fail('The transaction was not confirmed in time.', nowMs);
      this.failed += size;
      if (this.#options.autoRetryMs !== false) {
        batch.dueAtMs = nowMs + this.#options.autoRetryMs;
        this.#waiting.push(batch);
      }
      return;
    }
    this.#blockNumber += 1;
    const block = batch.anchor(this.#blockNumber, nowMs);
    this.anchored += size;
    if (this.#options.keepsRecords) this.chain.push(block);
  }

  #sizeNow(batch: Batch): number {
    if (!this.#options.keepsRecords) return batch.size;
    return batch.records.reduce((sum, record) => sum + (record.batch === batch ? 1 : 0), 0);
  }
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
