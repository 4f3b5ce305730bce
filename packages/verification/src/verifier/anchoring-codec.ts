import type { JsonValue, QueryParameters, RecordVersionName } from '@certyo-cdc/core';
import { asArray, asObject, member, textMember } from '@certyo-cdc/core/internal';

/** What an answer says about the anchoring of one record version. Members that the API does not give are null. */
export interface SeenSnapshot {
  readonly snapshotId: string;
  readonly database: string | null;
  readonly collection: string | null;
  readonly recordId: string | null;
  readonly recordVersion: string | null;
  readonly recordHash: string | null;
  readonly stage: 'waiting' | 'anchored' | 'failed';
  readonly batchId: string | null;
  readonly merkleRoot: string | null;
  /** ISO 8601; when it entered its stage. */
  readonly since: string | null;
  readonly failure: string | null;
}

/** What an answer says about a batch. */
export interface SeenBatch {
  readonly stage: 'waiting' | 'anchored' | 'failed';
  readonly merkleRoot: string | null;
  readonly anchoredAt: string | null;
  /** The snapshots in it, or null where the answer does not list them. */
  readonly snapshotIds: readonly string[] | null;
  /** What else is worth keeping as evidence: the network, block and transaction. */
  readonly detail: JsonValue;
}

/**
 * Everything about anchoring that the API has not published: replaceable as a whole or in part.
 *
 * Assumptions of the default: `GET /snapshots` takes `from`, `to` (times of acceptance, `to` exclusive), `limit` and `cursor`, answers
 * with `nextCursor`, and its items name the record version, batch and root; `GET /batches/{id}` names status, root and time.
 * Where an answer lacks what is needed, receipts are asked about one by one, in the form that is published.
 */
export interface AnchoringCodec {
  /** Parameters that list the snapshots accepted in a span of time. */
  listing(span: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly limit: number;
    readonly cursor: string | null;
  }): QueryParameters;
  /** Parameters that list the snapshots of one record version. */
  single(version: RecordVersionName): QueryParameters;
  nextCursor(answer: JsonValue): string | null;
  snapshot(item: JsonValue): SeenSnapshot | null;
  batch(answer: JsonValue): SeenBatch | null;
}

const DETAIL = ['network', 'blockNumber', 'transactionHash', 'recordCount'] as const;

/** The assumptions of this version. */
export const defaultAnchoringCodec: AnchoringCodec = Object.freeze({
  listing: ({ fromMs, toMs, limit, cursor }) => ({
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    limit,
    ...(cursor === null ? {} : { cursor }),
  }),
  single: ({ database, collection, recordId, recordVersion }) => ({
    database,
    collection,
    recordId,
    recordVersion,
  }),
  nextCursor(answer) {
    const object = asObject(answer);
    return object === null ? null : textMember(object, 'nextCursor');
  },
  snapshot(item) {
    const object = asObject(item);
    const snapshotId = object === null ? null : textMember(object, 'snapshotId');
    if (object === null || snapshotId === null) return null;
    const status = textMember(object, 'status') ?? '';
    const root = textMember(object, 'onChainMerkleRoot');
    // Both, as the API's own example asks for.
    const isOnChain = isWord(status, 'anchored') && member(object, 'onChainConfirmed') === true;
    return {
      snapshotId,
      database: textMember(object, 'database'),
      collection: textMember(object, 'collection'),
      recordId: textMember(object, 'recordId'),
      recordVersion: textMember(object, 'recordVersion'),
      recordHash: textMember(object, 'recordHash'),
      stage: isOnChain ? 'anchored' : isWord(status, 'failed') ? 'failed' : 'waiting',
      batchId: textMember(object, 'batchId'),
      merkleRoot: root,
      since: textMember(object, 'updatedAt'),
      failure: textMember(object, 'failureReason'),
    };
  },
  batch(answer) {
    const object = asObject(answer);
    const status = object === null ? null : textMember(object, 'status');
    if (object === null || status === null) return null;
    const anchoredAt = textMember(object, 'anchoredAt');
    const ids = asArray(member(object, 'snapshotIds') ?? null);
    return {
      stage: isWord(status, 'anchored')
        ? 'anchored'
        : isWord(status, 'failed')
          ? 'failed'
          : 'waiting',
      merkleRoot: textMember(object, 'merkleRoot'),
      anchoredAt,
      snapshotIds: ids === null ? null : ids.filter((id) => typeof id === 'string'),
      detail: Object.fromEntries(
        DETAIL.flatMap((name) => {
          const value = member(object, name);
          return value === undefined || value === null ? [] : [[name, value] as const];
        }),
      ),
    };
  },
} satisfies AnchoringCodec);

function isWord(status: string, word: string): boolean {
  return status.toLowerCase() === word;
}
