import type { EmulatorState, Endpoint, EndpointRequest, Reply } from './endpoint.ts';
import { jsonReply } from './endpoint.ts';
import { hashPayload } from './ledger.ts';
import { merkleProof, verifyMerkleProof } from './merkle-tree.ts';
import { Problem } from './problem.ts';
import { ownTenant } from './query.ts';
import { RawJson, type JsonInput } from './raw-json.ts';
import { isFields, textProblem } from './record-input.ts';
import { iso, requireFull, shownHash } from './record-view.ts';
import { findSnapshot, proofBody } from './snapshots.ts';
import type { StoredRecord } from './stored-record.ts';

type Fields = { readonly [name: string]: JsonInput };

/** `POST /api/v1/verify/record`: the newest matching version, with or without its payload. */
export const verifyRecord: Endpoint = (state, request) => {
  const body = fieldsOf(
    request.body,
    ['tenantId', 'recordId'],
    ['database', 'collection', 'recordVersion'],
  );
  const tenantId = ownTenant(request, body['tenantId']);
  requireFull(state);
  const payload = body['payload'] ?? body['recordPayload'] ?? null;
  if (payload !== null && !(payload instanceof RawJson && payload.isObject)) {
    throw new Problem(400, 'invalid_type', 'payload must be a JSON object.', { field: 'payload' });
  }
  const record = state.ledger
    .recordsOf(tenantId, textOf(body, 'recordId'))
    .findLast(({ input }) =>
      (['database', 'collection', 'recordVersion'] as const).every(
        (name) => typeof body[name] !== 'string' || body[name] === input[name],
      ),
    );
  if (record === undefined) throw new Problem(404, 'record_not_found', 'There is no such record.');
  return verdict(state, request, record, payload === null ? null : hashPayload(payload));
};

/** `POST /api/v1/verify/payload`: a hash that the caller has, without the payload. */
export const verifyPayload: Endpoint = (state, request) => {
  const body = fieldsOf(
    request.body,
    ['tenantId'],
    ['payloadHash', 'recordHash', 'database', 'collection', 'recordId', 'recordVersion'],
  );
  const tenantId = ownTenant(request, body['tenantId']);
  requireFull(state);
  const given = body['payloadHash'] ?? body['recordHash'];
  if (typeof given !== 'string') {
    throw new Problem(400, 'missing_field', 'payloadHash is required.', { field: 'payloadHash' });
  }
  const hash = given.replace(/^(sha256:|0x)/i, '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new Problem(400, 'invalid_value', 'payloadHash must be a SHA-256 in hexadecimal.', {
      field: 'payloadHash',
    });
  }
  const recordId = textOf(body, 'recordId');
  const record = state.ledger
    .recordsOf(tenantId, recordId)
    .findLast(
      (candidate) =>
        candidate.recordHash === hash &&
        (['database', 'collection', 'recordVersion'] as const).every(
          (name) => typeof body[name] !== 'string' || body[name] === candidate.input[name],
        ),
    );
  if (record === undefined) throw new Problem(404, 'record_not_found', 'No record has this hash.');
  return verdict(state, request, record, hash);
};

/** `GET /api/v1/verify/snapshot/{snapshotId}` */
export const verifySnapshot: Endpoint = (state, request) =>
  verdict(state, request, findSnapshot(state, request, request.id), null);

function textOf(fields: Fields, name: string): string | null {
  const value = fields[name];
  return typeof value === 'string' ? value : null;
}

function verdict(
  state: EmulatorState,
  request: EndpointRequest,
  record: StoredRecord,
  computedHash: string | null,
): Reply {
  const [verificationStatus, reasonCategory] = judge(state, record, computedHash);
  state.verifications.add({
    tenantId: record.input.tenantId,
    atMs: request.nowMs,
    fields: {
      endpoint: `${request.method} ${request.path}`,
      snapshotId: record.snapshotId,
      recordId: record.recordId,
      withPayload: computedHash !== null,
      verificationStatus,
      reasonCategory,
    },
  });
  return jsonReply({
    verified: verificationStatus === 'pass',
    verificationStatus,
    reasonCategory,
    anchoredOnChain: record.status === 'Anchored',
    onChainConfirmed: record.status === 'Anchored',
    onChainMerkleRoot: record.batch?.block?.merkleRoot ?? null,
    snapshotId: record.snapshotId,
    status: record.status,
    recordId: record.recordId,
    recordVersion: record.input.recordVersion,
    recordHash: shownHash(state, record.recordHash),
    snapshotHash: shownHash(state, record.recordHash),
    computedPayloadHash: computedHash === null ? null : shownHash(state, computedHash),
    ...proofBody(record),
    verifiedAt: iso(request.nowMs),
  });
}

function judge(
  state: EmulatorState,
  record: StoredRecord,
  computedHash: string | null,
): readonly ['pass' | 'fail' | 'pending', string] {
  if (computedHash !== null && computedHash !== record.recordHash) {
    return ['fail', 'payload_mismatch'];
  }
  const { batch } = record;
  if (record.status === 'Failed') return ['fail', 'anchoring_failed'];
  if (batch === null || batch.root === null || batch.block === null) {
    return ['pending', 'not_yet_anchored'];
  }
  const proof = merkleProof(batch.leaves, record.indexInBatch);
  if (!verifyMerkleProof(record.recordHash, proof, batch.root)) return ['fail', 'proof_invalid'];
  const root = `0x${batch.root}`;
  const isOnChain = state.anchoring.chain.some((block) => block.merkleRoot === root);
  return isOnChain ? ['pass', 'verified_anchored'] : ['fail', 'root_not_on_chain'];
}

function fieldsOf(
  body: JsonInput,
  required: readonly string[],
  optional: readonly string[],
): Fields {
  if (!isFields(body)) {
    throw new Problem(400, 'invalid_type', 'The body must be a JSON object.');
  }
  for (const name of [...required, ...optional]) {
    const problem = textProblem(body, name, required.includes(name));
    if (problem !== null) throw new Problem(400, problem.code, problem.message, { field: name });
  }
  return body;
}
