import type { EmulatorState } from './endpoint.ts';
import { Problem } from './problem.ts';
import type { StoredRecord } from './stored-record.ts';

/** Endpoints that look at single records need all of them. */
export function requireFull(state: EmulatorState): void {
  if (state.options.retention === 'full') return;
  throw new Problem(
    501,
    'not_retained',
    `The emulator runs with retention '${state.options.retention}' and keeps no records to look up.`,
  );
}

/** A record hash as answers show it. */
export function shownHash(state: EmulatorState, hash: string): string {
  return state.options.hashPrefix + hash;
}

/** One item of `GET /records`. */
export function summaryBody(state: EmulatorState, record: StoredRecord): object {
  const { input } = record;
  return {
    recordId: input.recordId,
    recordVersion: input.recordVersion,
    tenantId: input.tenantId,
    clientId: input.clientId,
    database: input.database,
    collection: input.collection,
    operationType: input.operationType,
    recordHash: shownHash(state, record.recordHash),
    sourceTimestamp: input.sourceTimestamp ?? iso(record.acceptedAtMs),
    idempotencyKey: input.idempotencyKey,
    acceptedAt: iso(record.acceptedAtMs),
    snapshotId: record.snapshotId,
    status: record.status,
  };
}

/** A snapshot as `GET /snapshots` shows it. */
export function snapshotBody(state: EmulatorState, record: StoredRecord): object {
  const { input, batch } = record;
  const lifecycle = record.lifecycle;
  const block = batch?.block ?? null;
  return {
    snapshotId: record.snapshotId,
    tenantId: input.tenantId,
    clientId: input.clientId,
    database: input.database,
    collection: input.collection,
    recordId: input.recordId,
    recordVersion: input.recordVersion,
    operationType: input.operationType,
    recordHash: shownHash(state, record.recordHash),
    status: record.status,
    onChainConfirmed: block !== null,
    onChainMerkleRoot: block?.merkleRoot ?? null,
    batchId: batch?.id ?? null,
    ingestedAt: iso(record.acceptedAtMs),
    updatedAt: iso(lifecycle.at(-1)?.atMs ?? record.acceptedAtMs),
    failureReason: record.status === 'Failed' ? (lifecycle.at(-1)?.reason ?? null) : null,
  };
}

/** The states of a record with their times. */
export function lifecycleBody(record: StoredRecord): object[] {
  return record.lifecycle.map((entry) => ({
    status: entry.status,
    at: iso(entry.atMs),
    ...(entry.reason === null ? {} : { reason: entry.reason }),
  }));
}

/** Milliseconds as ISO 8601 in UTC. */
export function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
