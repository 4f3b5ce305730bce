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
const FAILED_LISTS = new Set(['rejected', 'failed', 'errors']);
const IDENTIFYING = [
  'database',
  'collection',
  'recordId',
  'recordVersion',
  'idempotencyKey',
] as const;
const NESTED = ['result', 'record', 'response', 'body'];
const ACCEPTED_WORDS = new Set(['accepted', 'queued', 'ingested', 'ok', 'success', 'replayed']);
const REJECTED_WORDS = new Set(['rejected', 'failed', 'error', 'invalid']);

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
  const reader = new AnswerReader(items);
  const list = asArray(answer);
  if (list !== null) reader.read(list, false);
  const object = list === null ? asObject(answer) : null;
  if (object !== null) {
    for (const name of LISTS) {
      const entries = asArray(member(object, name));
      if (entries !== null) reader.read(entries, FAILED_LISTS.has(name));
    }
  }
  return reader.verdicts;
}

/** Collects what the entries of an answer say. */
class AnswerReader {
  readonly verdicts: BulkVerdict[];
  readonly #items: readonly BulkItem[];
  readonly #finder: ItemFinder;
  readonly #seen: boolean[];

  constructor(items: readonly BulkItem[]) {
    this.#items = items;
    this.#finder = new ItemFinder(items);
    this.verdicts = items.map(() => UNCONFIRMED);
    this.#seen = items.map(() => false);
  }

  /** @param hasFailed From a list whose name says that its entries failed. */
  read(list: readonly JsonValue[], hasFailed: boolean): void {
    for (let place = 0; place < list.length; place += 1) {
      const object = asObject(list[place]);
      if (object === null) continue;
      const entry = flatten(object);
      const index = this.#finder.find(entry);
      const item = index === null ? undefined : this.#items[index];
      if (index === null || item === undefined) continue;
      const isClear = this.#seen[index] === false && !contradicts(entry, item);
      this.#seen[index] = true;
      this.verdicts[index] = isClear ? verdictOf(entry, hasFailed) : UNCONFIRMED;
    }
  }
}

/** Members of `result` and its like stand for the entry's own; the entry's own win. */
function flatten(object: JsonObject): JsonObject {
  let nested: JsonObject[] | null = null;
  for (const name of NESTED) {
    const inner = asObject(member(object, name));
    if (inner !== null) (nested ??= []).push(inner);
  }
  if (nested === null) return object;
  return Object.assign(Object.create(null) as object, ...nested, object) as JsonObject;
}

/**
 * Finds the item that an entry is about. Items are put in order by what the answer names them by, and only by that: an
 * index names one without it.
 */
class ItemFinder {
  readonly #items: readonly BulkItem[];
  #byKey: ReadonlyMap<string, number | null> | null = null;
  #byRecordId: ReadonlyMap<string, number | null> | null = null;

  constructor(items: readonly BulkItem[]) {
    this.#items = items;
  }

  /** The item's index, or null. */
  find(entry: JsonObject): number | null {
    const items = this.#items;
    const key = textMember(entry, 'idempotencyKey');
    if (key !== null) {
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
  for (const name of IDENTIFYING) {
    const value = member(entry, name);
    // An item without a key says '': the API may have made one.
    if (value !== undefined && value !== null && item[name] !== '' && value !== item[name]) {
      return true;
    }
  }
  return false;
}

function verdictOf(object: JsonObject, hasFailed: boolean): BulkVerdict {
  const status = member(object, 'status') ?? member(object, 'statusCode');
  const code = typeof status === 'number' ? status : null;
  const word = typeof status === 'string' ? status.toLowerCase() : null;
  const failed =
    hasFailed ||
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
