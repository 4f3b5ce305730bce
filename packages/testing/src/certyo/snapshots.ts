import type { EmulatorState, Endpoint, EndpointRequest } from './endpoint.ts';
import { jsonReply } from './endpoint.ts';
import { merkleProof } from './merkle-tree.ts';
import { Problem } from './problem.ts';
import { ownTenant } from './query.ts';
import { iso, lifecycleBody, requireFull, shownHash, snapshotBody } from './record-view.ts';
import { sequenceOfSnapshot, type StoredRecord } from './stored-record.ts';

/** `GET /api/v1/snapshots/{snapshotId}` */
export const getSnapshot: Endpoint = (state, request) =>
  jsonReply(snapshotBody(state, findSnapshot(state, request, request.id)));

/** `GET /api/v1/snapshots/{snapshotId}/lifecycle` */
export const getLifecycle: Endpoint = (state, request) => {
  const record = findSnapshot(state, request, request.id);
  return jsonReply({
    snapshotId: record.snapshotId,
    status: record.status,
    events: lifecycleBody(record),
  });
};

/** `POST /api/v1/snapshots/{snapshotId}/retry`: puts a failed snapshot into a new batch. */
export const retrySnapshot: Endpoint = (state, request) => {
  const record = findSnapshot(state, request, request.id);
  if (!state.anchoring.retry(record, request.nowMs)) {
    throw new Problem(409, 'not_failed', 'Only a snapshot in status Failed can be retried.');
  }
  return jsonReply(snapshotBody(state, record), 202);
};

/** `GET /api/v1/batches/{batchId}` */
export const getBatch: Endpoint = (state, request) => {
  requireFull(state);
  const batch = state.anchoring.batches.get(request.id);
  if (batch === undefined || batch.tenantId !== request.principal.tenantId) {
    throw new Problem(404, 'batch_not_found', 'There is no such batch.');
  }
  return jsonReply({
    batchId: batch.id,
    tenantId: batch.tenantId,
    status: batch.status,
    recordCount: batch.size,
    merkleRoot: batch.root === null ? null : `0x${batch.root}`,
    network: 'emulated',
    blockNumber: batch.block?.blockNumber ?? null,
    transactionHash: batch.block?.transactionHash ?? null,
    openedAt: iso(batch.openedAtMs),
    closedAt: batch.closedAtMs === null ? null : iso(batch.closedAtMs),
    anchoredAt: batch.block?.anchoredAt ?? null,
    attempts: batch.attempts,
    snapshotIds: batch.records.map((record) => record.snapshotId),
  });
};

/** `GET /api/v1/timeline/record`: all versions of one record, oldest first. */
export const getTimeline: Endpoint = (state, request) => {
  const tenantId = ownTenant(request);
  requireFull(state);
  const recordId = request.query.get('recordId');
  if (recordId === null) {
    throw new Problem(400, 'missing_parameter', 'recordId is required.', { field: 'recordId' });
  }
  const database = request.query.get('database');
  const collection = request.query.get('collection');
  const records = state.ledger
    .recordsOf(tenantId, recordId)
    .filter(
      ({ input }) =>
        (database === null || input.database === database) &&
        (collection === null || input.collection === collection),
    );
  if (records.length === 0) {
    throw new Problem(404, 'record_not_found', 'There is no such record.');
  }
  return jsonReply({
    tenantId,
    recordId,
    items: records.map((record) => ({
      ...snapshotBody(state, record),
      events: lifecycleBody(record),
    })),
  });
};

/** `GET /api/v1/evidence/retrieval-controls`: what can be retrieved for a snapshot, or for the tenant. */
export const getRetrievalControls: Endpoint = (state, request) => {
  const tenantId = ownTenant(request);
  const snapshotId = request.query.get('snapshotId');
  const controls = { recordPayload: 'denied', recordHash: 'allowed', merkleProof: 'allowed' };
  if (snapshotId === null) return jsonReply({ tenantId, controls });
  const record = findSnapshot(state, request, snapshotId);
  return jsonReply({
    tenantId,
    controls,
    evidence: {
      snapshotId,
      recordHash: shownHash(state, record.recordHash),
      ...proofBody(record),
    },
  });
};

/** The way from a record to the chain, as far as it has been gone. */
export function proofBody(record: StoredRecord): object {
  const { batch } = record;
  if (batch === null || batch.root === null) {
    return { batchId: batch?.id ?? null, merkleRoot: null, merkleProof: null };
  }
  return {
    batchId: batch.id,
    merkleRoot: `0x${batch.root}`,
    leafIndex: record.indexInBatch,
    merkleProof: merkleProof(batch.leaves, record.indexInBatch),
    network: 'emulated',
    blockNumber: batch.block?.blockNumber ?? null,
    transactionHash: batch.block?.transactionHash ?? null,
    anchoredAt: batch.block?.anchoredAt ?? null,
  };
}

/** A snapshot of the key's own tenant; others are not found. */
export function findSnapshot(
  state: EmulatorState,
  request: EndpointRequest,
  snapshotId: string,
): StoredRecord {
  requireFull(state);
  const sequence = sequenceOfSnapshot(snapshotId);
  const record = sequence === null ? undefined : state.ledger.records[sequence - 1];
  if (record === undefined || record.input.tenantId !== request.principal.tenantId) {
    throw new Problem(404, 'snapshot_not_found', 'There is no such snapshot.');
  }
  return record;
}
