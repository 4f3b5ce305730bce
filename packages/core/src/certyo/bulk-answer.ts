import type { JsonValue } from '../event/json.ts';
import { asArray, asObject, member, textMember, type JsonObject } from './internal/json-access.ts';

/** What is needed of a record to find it in an answer. */
export interface BulkItem {
  readonly database: string;
  readonly collection: string;
  readonly recordId: string;
  readonly recordVersion: string;
  readonly idempotencyKey: string;
}

/** What a bulk answer says about one record. */
export type BulkVerdict =
  | {
      readonly type: 'accepted';
      readonly recordHash: string;
      readonly acceptedAt: string | null;
      readonly replayed: boolean;
    }
  /** `status`: as for a request of its own, or null where the answer gives none. */
  | { readonly type: 'rejected'; readonly status: number | null }
  /** The answer does not say, or contradicts itself. Never treated as accepted. */
  | { readonly type: 'unconfirmed' };

const UNCONFIRMED: BulkVerdict = Object.freeze({ type: 'unconfirmed' });
const LISTS = ['results', 'records', 'items', 'data', 'accepted', 'rejected', 'failed', 'errors'];
const NESTED = ['result', 'record', 'response', 'body'];
const ACCEPTED_WORDS = new Set(['accepted', 'queued', 'ingested', 'ok', 'success', 'replayed']);
const REJECTED_WORDS = new Set(['rejected', 'failed', 'error', 'invalid']);

interface Entry {
  readonly object: JsonObject;
  /** From a list whose name says that its entries failed. */
  readonly failed: boolean;
}

/**
 * Reads a bulk answer: one verdict per item, in the order of the items.
 *
 * Assumption: the answer is an array, or an object with arrays under `results`, `records`, `items`, `data`, `accepted`,
 * `rejected`, `failed` or `errors`. An entry is matched by `idempotencyKey`, else by `index`, else by a `recordId` that
 * only one item has, never by its place. An entry that contradicts its item, or another entry of it, confirms nothing.
 */
export function decodeBulkAnswer(
  answer: JsonValue,
  items: readonly BulkItem[],
): readonly BulkVerdict[] {
  const finder = new ItemFinder(items);
  const verdicts: (BulkVerdict | undefined)[] = items.map(() => undefined);
  for (const [place, entry] of entriesOf(answer).entries()) {
    const index = finder.find(entry.object, place);
    if (index === null) continue;
    const item = items[index];
    const verdict =
      item === undefined || contradicts(entry.object, item) ? UNCONFIRMED : verdictOf(entry);
    verdicts[index] = verdicts[index] === undefined ? verdict : UNCONFIRMED;
  }
  return verdicts.map((verdict) => verdict ?? UNCONFIRMED);
}

function entriesOf(answer: JsonValue): readonly Entry[] {
  const list = asArray(answer);
  if (list !== null) return toEntries(list, false);
  const object = asObject(answer);
  if (object === null) return [];
  return LISTS.flatMap((name) =>
    toEntries(asArray(member(object, name)) ?? [], ['rejected', 'failed', 'errors'].includes(name)),
  );
}

function toEntries(list: readonly JsonValue[], failed: boolean): readonly Entry[] {
  return list.flatMap((value) => {
    const object = asObject(value);
    return object === null ? [] : [{ object: flatten(object), failed }];
  });
}

/** Members of `result` and its like stand for the entry's own; the entry's own win. */
function flatten(object: JsonObject): JsonObject {
  const nested = NESTED.flatMap((name) => asObject(member(object, name)) ?? []);
  if (nested.length === 0) return object;
  return Object.assign(Object.create(null) as object, ...nested, object) as JsonObject;
}

/** Finds the item that an entry is about. */
class ItemFinder {
  readonly #items: readonly BulkItem[];
  #byKey: ReadonlyMap<string, number | null> | null = null;
  #byRecordId: ReadonlyMap<string, number | null> | null = null;

  constructor(items: readonly BulkItem[]) {
    this.#items = items;
  }

  /** The item's index, or null. */
  find(entry: JsonObject, place: number): number | null {
    const items = this.#items;
    const key = textMember(entry, 'idempotencyKey');
    if (key !== null) {
      // Most answers are in the order of the items; no other item is then looked at.
      if (key !== '' && items[place]?.idempotencyKey === key) return place;
      this.#byKey ??= positions(items, (item) => item.idempotencyKey);
      return this.#byKey.get(key) ?? null;
    }
    const index = member(entry, 'index');
    if (typeof index === 'number') {
      return Number.isInteger(index) && index >= 0 && index < items.length ? index : null;
    }
    const recordId = textMember(entry, 'recordId');
    if (recordId === null) return null;
    this.#byRecordId ??= positions(items, (item) => item.recordId);
    return this.#byRecordId.get(recordId) ?? null;
  }
}

function positions(
  items: readonly BulkItem[],
  name: (item: BulkItem) => string,
): ReadonlyMap<string, number | null> {
  const found = new Map<string, number | null>();
  items.forEach((item, index) => found.set(name(item), found.has(name(item)) ? null : index));
  return found;
}

function contradicts(entry: JsonObject, item: BulkItem): boolean {
  const names = ['database', 'collection', 'recordId', 'recordVersion', 'idempotencyKey'] as const;
  return names.some((name) => {
    const value = member(entry, name);
    // An item without a key says '': the API may have made one.
    return value !== undefined && value !== null && item[name] !== '' && value !== item[name];
  });
}

function verdictOf(entry: Entry): BulkVerdict {
  const { object } = entry;
  const status = member(object, 'status') ?? member(object, 'statusCode');
  const code = typeof status === 'number' ? status : null;
  const word = typeof status === 'string' ? status.toLowerCase() : null;
  const failed =
    entry.failed ||
    (code !== null && code >= 300) ||
    (word !== null && REJECTED_WORDS.has(word)) ||
    isPresent(member(object, 'error')) ||
    isPresent(member(object, 'errors')) ||
    member(object, 'accepted') === false ||
    member(object, 'success') === false;
  const recordHash = textMember(object, 'recordHash');
  const claimsSuccess =
    (code !== null && code < 300) ||
    (word !== null && ACCEPTED_WORDS.has(word)) ||
    recordHash !== null;
  if (failed) return claimsSuccess ? UNCONFIRMED : { type: 'rejected', status: code };
  if (recordHash === null || (word !== null && !ACCEPTED_WORDS.has(word))) return UNCONFIRMED;
  return {
    type: 'accepted',
    recordHash,
    acceptedAt: textMember(object, 'acceptedAt'),
    replayed: member(object, 'idempotencyReplayed') === true,
  };
}

function isPresent(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}
