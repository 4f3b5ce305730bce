import { hash } from 'node:crypto';
import { merkleRoot } from './merkle-tree.ts';
import type { IncomingRecord } from './record-input.ts';

/** Where a record stands on its way to the chain. */
export type AnchoringStatus = 'Ingested' | 'PendingAnchor' | 'Batched' | 'Anchored' | 'Failed';

/** A state that a record was in, and since when. */
export interface LifecycleEntry {
  readonly status: AnchoringStatus;
  readonly atMs: number;
  readonly reason: string | null;
}

/** A record as its batch sees it. */
export interface BatchMember {
  readonly snapshotId: string;
  readonly input: IncomingRecord;
  /** Another one than this after a retry. */
  readonly batch: object | null;
}

/** A block of the simulated chain: one batch, one root. */
export interface ChainBlock {
  readonly blockNumber: number;
  /** `0x` and 64 hexadecimal digits. */
  readonly transactionHash: string;
  /** `0x` and 64 hexadecimal digits. */
  readonly merkleRoot: string;
  readonly batchId: string;
  /** ISO 8601, UTC. */
  readonly anchoredAt: string;
}

/** Records that are anchored together. */
export class Batch {
  readonly id: string;
  readonly tenantId: string;
  readonly openedAtMs: number;
  /** PendingAnchor while it is open. */
  status: AnchoringStatus = 'PendingAnchor';
  size = 0;
  /** Empty when records are not kept. */
  readonly records: BatchMember[] = [];
  leaves: string[] = [];
  /** 64 hexadecimal digits, or null while it is open. */
  root: string | null = null;
  block: ChainBlock | null = null;
  closedAtMs: number | null = null;
  /** When the next attempt at anchoring is due. */
  dueAtMs: number | null = null;
  attempts = 0;
  /** What happened after it was closed. */
  readonly history: LifecycleEntry[] = [];

  constructor(id: string, tenantId: string, openedAtMs: number) {
    this.id = id;
    this.tenantId = tenantId;
    this.openedAtMs = openedAtMs;
  }

  close(nowMs: number): void {
    this.root = merkleRoot(this.leaves);
    this.closedAtMs = nowMs;
    this.#enter('Batched', nowMs, null);
  }

  anchor(blockNumber: number, nowMs: number): ChainBlock {
    const root = `0x${this.root ?? ''}`;
    this.block = {
      blockNumber,
      transactionHash: `0x${hash('sha256', `transaction\n${this.id}\n${root}\n${blockNumber}`)}`,
      merkleRoot: root,
      batchId: this.id,
      anchoredAt: new Date(nowMs).toISOString(),
    };
    this.#enter('Anchored', nowMs, null);
    return this.block;
  }

  fail(reason: string, nowMs: number): void {
    this.#enter('Failed', nowMs, reason);
  }

  /** Back to Batched, for another attempt. */
  retry(nowMs: number): void {
    this.#enter('Batched', nowMs, null);
  }

  #enter(status: AnchoringStatus, atMs: number, reason: string | null): void {
    this.status = status;
    this.dueAtMs = null;
    this.history.push({ status, atMs, reason });
  }
}
