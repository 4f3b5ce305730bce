import { hash } from 'node:crypto';

import type { ChangeEvent } from '../event/change-event.ts';
import { CdcError } from '../errors/cdc-error.ts';
import { ReceiptError } from '../errors/store-error.ts';
import type { LatestReceipt, Receipt, RecordName } from '../receipts/receipt.ts';
import { TableVersions } from '../receipts/table-version.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import { SendHistory } from '../receipts/send-history.ts';
import type { BeginOptions, SentBefore, Verdict } from '../sink/sink.ts';
import { type ItemOrigin, originOf } from './item-origin.ts';
import type { CertyoItem } from './certyo-item.ts';
import type { OperationType } from './certyo-types.ts';
import { TRUNCATE_RECORD_ID } from './event-drafts.ts';
import { OPERATION_TYPES } from './schemas.ts';
import { delivered, receiptBody } from './sink-verdicts.ts';
import { WrittenRecord } from './written-record.ts';

/** What may be skipped because the newest receipt of its record shows the same payload. */
export type SkipUnchanged = 'copies' | 'all' | false;

interface CallOptions {
  readonly signal: AbortSignal;
}

const PAYLOAD_MEMBER = ',"recordPayload":';
const TIME_MEMBER = ',"sourceTimestamp":"';
const KEY_MEMBER = ',"idempotencyKey":"';
const QUOTE = 0x22;
const UNCHANGED: Verdict = Object.freeze({ type: 'skipped', reason: 'unchanged' });

/** What the sink does with its store of receipts. */
export class SinkReceipts {
  readonly #store: ReceiptStore;
  readonly #skipUnchanged: SkipUnchanged;
  readonly #fingerprints = new WeakMap<CertyoItem, string>();
  /** What was accepted and could not be stored: it need not be sent again for its receipt. */
  readonly #unstored = new WeakMap<CertyoItem, Verdict>();
  readonly #versions: TableVersions;
  #history: SendHistory | null = null;

  constructor(
    store: ReceiptStore,
    skipUnchanged: SkipUnchanged,
    statusColumns: ReadonlySet<string>,
  ) {
    this.#versions = new TableVersions(statusColumns);
    this.#store = store;
    this.#skipUnchanged = skipUnchanged;
  }

  async begin(options: BeginOptions): Promise<SentBefore> {
    this.#history = await SendHistory.load(this.#store, options);
    return this.#history.sentBefore;
  }

  /** What the receipt of an item will say of its event. */
  origin(event: ChangeEvent, operationType: OperationType): ItemOrigin {
    return originOf(event, operationType, this.#versions);
  }

  /** Makes sure that what is sent now is known to have been, whatever happens. A verdict where it cannot. */
  async announce(items: readonly CertyoItem[], options: CallOptions): Promise<Verdict | null> {
    const times = items.map(({ origin }) => origin?.committedAt ?? null);
    try {
      await this.#history?.cover(times, options);
      return null;
    } catch (error) {
      return storeVerdict(error, false, options);
    }
  }

  /** The verdict on each item that need not be sent, or on all where that cannot be known; null for the others. */
  async skip(
    items: readonly CertyoItem[],
    options: CallOptions,
  ): Promise<readonly (Verdict | null)[]> {
    const candidates = items.filter((item) => this.#maySkip(item));
    if (candidates.length === 0) return [];
    // A truncate of their table has ended what was before it, and is a record of its own.
    const truncates = truncateRecords(candidates);
    let found: readonly (LatestReceipt | null)[];
    try {
      found = await this.#store.latest([...candidates, ...truncates.values()], options);
    } catch (error) {
      const verdict = storeVerdict(error, false, options);
      return items.map(() => verdict);
    }
    const emptied = new Map(
      [...truncates.keys()].map((place, index) => [
        place,
        found[candidates.length + index]?.recordVersion ?? '',
      ]),
    );
    const unchanged = new Set(
      candidates.filter((item, index) => {
        const latest = found[index] ?? null;
        return (
          this.#isUnchanged(item, latest) &&
          (latest?.recordVersion ?? '') > (emptied.get(placeOf(item)) ?? '')
        );
      }),
    );
    return items.map((item) => (unchanged.has(item) ? UNCHANGED : null));
  }

  /** The verdict on an item that the API has accepted and whose receipt could not be stored; null for any other. */
  unstored(item: CertyoItem): Verdict | null {
    return this.#unstored.get(item) ?? null;
  }

  /** Stores the receipts of the accepted ones, then gives the verdicts; others where it could not. */
  async settle(
    items: readonly CertyoItem[],
    verdicts: readonly Verdict[],
    options: CallOptions,
  ): Promise<readonly Verdict[]> {
    const receipts: Receipt[] = [];
    for (const [index, item] of items.entries()) {
      const verdict = verdicts[index];
      if (verdict?.type === 'delivered') receipts.push(this.#receipt(item, verdict));
    }
    if (receipts.length === 0) return verdicts;
    try {
      await this.#store.store(receipts, options);
      return verdicts;
    } catch (error) {
      const failure = storeVerdict(error, true, options);
      for (const [index, item] of items.entries()) {
        const verdict = verdicts[index];
        if (verdict?.type === 'delivered') this.#unstored.set(item, verdict);
      }
      return verdicts.map((verdict) => (verdict.type === 'delivered' ? failure : verdict));
    }
  }

  /** `delivered` for each item that has its receipt, null for the others. */
  async known(
    items: readonly CertyoItem[],
    options: CallOptions,
  ): Promise<readonly (Verdict | null)[]> {
    try {
      const found = await this.#store.find(items, options);
      return items.map((item, index) => {
        const receipt = found[index] ?? null;
        return receipt !== null && receipt.payloadFingerprint === this.#fingerprint(item)
          ? delivered(receipt.recordHash, receipt.acceptedAt, true)
          : null;
      });
    } catch (error) {
      const verdict = storeVerdict(error, false, options);
      return items.map(() => verdict);
    }
  }

  #maySkip({ origin }: CertyoItem): boolean {
    if (origin === undefined || origin.table === null || origin.operationType === 'delete') {
      return false;
    }
    return this.#skipUnchanged === 'all' || (this.#skipUnchanged === 'copies' && origin.isFound);
  }

  #isUnchanged(item: CertyoItem, latest: LatestReceipt | null): boolean {
    return (
      latest !== null &&
      !latest.hasFailed &&
      latest.operationType !== 'delete' &&
      // The same version has its receipt. An older one that comes again is no repeat of the newest one.
      latest.recordVersion <= item.recordVersion &&
      latest.payloadFingerprint === this.#fingerprint(item)
    );
  }

  #receipt(item: CertyoItem, verdict: Verdict & { readonly type: 'delivered' }): Receipt {
    const answer = receiptBody(verdict.receipt);
    return {
      database: item.database,
      collection: item.collection,
      recordId: item.recordId,
      recordVersion: item.recordVersion,
      eventId: item.origin?.eventId ?? null,
      operationType: item.origin?.operationType ?? operationOf(item),
      payloadFingerprint: this.#fingerprint(item),
      recordHash: answer?.recordHash ?? null,
      acceptedAt: answer?.acceptedAt ?? null,
      replayed: verdict.replayed === true,
      table: item.origin?.table ?? null,
    };
  }

  /** Computed once for an item, over the payload as it stands in the body. */
  #fingerprint(item: CertyoItem): string {
    // Only what skipping looks at is looked at twice.
    if (!this.#maySkip(item)) return hash('sha256', payloadOf(item), 'hex');
    const known = this.#fingerprints.get(item);
    if (known !== undefined) return known;
    const fingerprint = hash('sha256', payloadOf(item), 'hex');
    this.#fingerprints.set(item, fingerprint);
    return fingerprint;
  }
}

/** The payload as it stands in the body. */
export function payloadOf(item: CertyoItem): Buffer {
  const written = item instanceof WrittenRecord ? item.payload : null;
  return written ?? findPayload(item.body);
}

/**
 * Within a text of the head the quotes of a member's name would be escaped, and what follows the payload holds no quotes but its
 * own: the key, and before it the time where there is one.
 */
function findPayload(body: Buffer): Buffer {
  const start = body.indexOf(PAYLOAD_MEMBER) + PAYLOAD_MEMBER.length;
  let end = body.lastIndexOf(KEY_MEMBER);
  if (body[end - 1] === QUOTE) end = body.lastIndexOf(TIME_MEMBER, end - 1);
  return body.subarray(start, end);
}

function placeOf({ collection, database }: CertyoItem): string {
  return JSON.stringify([database, collection]);
}

/** The records of truncates of the items' tables, by place. */
function truncateRecords(items: readonly CertyoItem[]): ReadonlyMap<string, RecordName> {
  return new Map(
    items.map((item) => {
      const { collection, database } = item;
      return [placeOf(item), { database, collection, recordId: TRUNCATE_RECORD_ID }];
    }),
  );
}

function operationOf({ body }: CertyoItem): OperationType {
  const head = body.subarray(0, body.indexOf(PAYLOAD_MEMBER)).toString();
  const { operationType } = JSON.parse(`${head}}`) as { readonly operationType?: unknown };
  return OPERATION_TYPES.find((each) => each === operationType) ?? 'upsert';
}

/** `inDoubt`: the API has the records. */
function storeVerdict(error: unknown, inDoubt: boolean, { signal }: CallOptions): Verdict {
  if (signal.aborted) throw signal.reason;
  if (!CdcError.is(error)) throw error;
  return error instanceof ReceiptError && !error.retryable
    ? { type: 'halt', error }
    : { type: 'retry', error, inDoubt };
}
