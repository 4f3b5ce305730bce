import type { JsonValue } from '../event/json.ts';
import { invalid, type CertyoAnswer } from './api-answer.ts';
import type { AcceptedRecord, CertyoPage, Snapshot, Verification } from './certyo-types.ts';
import { describeRequest, type CertyoRequest } from './http-transport.ts';
import { asArray, asObject, member } from './internal/json-access.ts';
import { acceptedSchema, snapshotSchema, verificationSchema } from './schemas.ts';

/**
 * Reads the answer to one record.
 *
 * @throws ResponseInvalidError when it is not about this record and tenant, or lacks what makes it an acceptance.
 */
export function toAccepted(
  request: CertyoRequest,
  answer: CertyoAnswer,
  recordId: string,
  tenantId: string,
): AcceptedRecord {
  const what = describeRequest(request);
  const read = acceptedSchema.safeParse(answer.body);
  if (!read.success) throw invalid(what, answer.status, 'lacks what makes it an acceptance');
  const accepted = read.data;
  if (accepted.recordId !== recordId) {
    throw invalid(what, answer.status, 'is about another record');
  }
  if (typeof accepted.tenantId === 'string' && accepted.tenantId !== tenantId) {
    throw invalid(what, answer.status, 'is about another tenant');
  }
  return {
    recordId,
    recordHash: accepted.recordHash,
    acceptedAt: accepted.acceptedAt,
    idempotencyReplayed: accepted.idempotencyReplayed,
    raw: answer.body,
  };
}

/** Reads a list: an array, or an object with an array under `items` or another usual name. */
export function toPage<Item>(
  answer: CertyoAnswer,
  toItem: (item: JsonValue) => Item,
): CertyoPage<Item> {
  const object = asObject(answer.body);
  const items =
    asArray(answer.body) ??
    (object === null
      ? undefined
      : ['items', 'records', 'results', 'events', 'data']
          .map((name) => asArray(member(object, name)))
          .find((list) => list !== null));
  if (items === undefined || items === null) {
    throw invalid('the query', answer.status, 'holds no list');
  }
  return { items: items.map(toItem), raw: answer.body };
}

export function toSnapshot(status: number, body: JsonValue): Snapshot {
  const read = snapshotSchema.safeParse(body);
  if (!read.success) throw invalid('the query', status, 'holds what is no snapshot');
  const snapshot = read.data;
  return {
    snapshotId: snapshot.snapshotId,
    recordId: snapshot.recordId ?? null,
    status: snapshot.status,
    onChainConfirmed: snapshot.onChainConfirmed ?? false,
    onChainMerkleRoot: snapshot.onChainMerkleRoot ?? null,
    ingestedAt: snapshot.ingestedAt ?? null,
    updatedAt: snapshot.updatedAt ?? null,
    raw: body,
  };
}

export function toVerification(answer: CertyoAnswer): Verification {
  const read = verificationSchema.safeParse(answer.body);
  if (!read.success) throw invalid('the verification', answer.status, 'says nothing about it');
  const { verified, anchoredOnChain, verificationStatus, reasonCategory, recordHash } = read.data;
  return {
    verified,
    anchored:
      verified &&
      (anchoredOnChain === true ||
        (verificationStatus === 'pass' && reasonCategory === 'verified_anchored')),
    verificationStatus: verificationStatus ?? null,
    reasonCategory: reasonCategory ?? null,
    recordHash: recordHash ?? null,
    raw: answer.body,
  };
}
