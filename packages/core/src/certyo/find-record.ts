import type { JsonValue } from '../event/json.ts';
import type { BulkItem } from './bulk-answer.ts';
import { asArray, asObject, member, textMember } from './internal/json-access.ts';

/** What `GET /records` says about one version of a record. */
export type FoundRecord =
  | {
      readonly type: 'found';
      readonly recordHash: string | null;
      readonly acceptedAt: string | null;
    }
  /** The API holds no such version. */
  | { readonly type: 'absent' }
  /** Not on this page; the next one is had with the parameter `cursor`. */
  | { readonly type: 'more'; readonly cursor: string }
  /** The answer does not say: its entries name no version, or it has more pages and no cursor. */
  | { readonly type: 'unknown' };

/**
 * Looks for one version of a record in the answer of `GET /records`.
 *
 * Assumption: the answer is an array, or an object with an array under `items`, `records`, `results` or `data`, of
 * summaries that name `recordId` and `recordVersion`.
 */
export function findRecord(answer: JsonValue, item: BulkItem): FoundRecord {
  const object = asObject(answer);
  const list =
    asArray(answer) ??
    (object === null
      ? null
      : (['items', 'records', 'results', 'data']
          .map((name) => asArray(member(object, name)))
          .find((value) => value !== null) ?? null));
  if (list === null) return { type: 'unknown' };
  let complete = object === null || !hasMore(object, list.length);
  for (const value of list) {
    const summary = asObject(value);
    if (summary === null) {
      complete = false;
      continue;
    }
    // Filters may have been ignored: other records are passed over.
    if (['recordId', 'database', 'collection'].some((name) => differs(summary, name, item)))
      continue;
    const version = textMember(summary, 'recordVersion');
    if (version === null || textMember(summary, 'recordId') === null) {
      complete = false;
    } else if (version === item.recordVersion && !differs(summary, 'idempotencyKey', item)) {
      return {
        type: 'found',
        recordHash: textMember(summary, 'recordHash'),
        acceptedAt: textMember(summary, 'acceptedAt') ?? textMember(summary, 'ingestedAt'),
      };
    }
  }
  const cursor = object === null ? null : textMember(object, 'nextCursor');
  if (cursor !== null) return { type: 'more', cursor };
  return { type: complete ? 'absent' : 'unknown' };
}

function differs(
  summary: { readonly [key: string]: JsonValue },
  name: string,
  item: BulkItem,
): boolean {
  const value = member(summary, name);
  return value !== undefined && value !== null && value !== item[name as keyof BulkItem];
}

function hasMore(answer: { readonly [key: string]: JsonValue }, count: number): boolean {
  const total = member(answer, 'total') ?? member(answer, 'totalCount');
  return (
    member(answer, 'hasMore') === true ||
    textMember(answer, 'nextPageToken') !== null ||
    textMember(answer, 'next') !== null ||
    (typeof total === 'number' && total > count)
  );
}
