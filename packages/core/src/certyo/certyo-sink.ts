import type { ChangeEvent } from '../event/change-event.ts';
import type {
  BeginOptions,
  DeliverOptions,
  Prepared,
  SentBefore,
  Sink,
  Verdict,
} from '../sink/sink.ts';
import { encodeItems } from './bulk-envelope.ts';
import type { CertyoClient } from './certyo-client.ts';
import { deserializeItem, serializeItem, type CertyoItem } from './certyo-item.ts';
import { toAccepted } from './client-answers.ts';
import { apiPath } from './client-requests.ts';
import { defaultCodecs } from './codecs.ts';
import { confirmItems } from './confirm-items.ts';
import { toDrafts } from './event-drafts.ts';
import type { RecordDraft } from './record-draft.ts';
import { SinkReceipts } from './sink-receipts.ts';
import {
  normalizeSinkOptions,
  type CertyoSinkOptions,
  type NormalizedSinkOptions,
} from './sink-options.ts';
import {
  acceptedVerdict,
  bulkVerdict,
  failureVerdict,
  tooLargeVerdict,
  type RequestKind,
} from './sink-verdicts.ts';
import { unavailableVerdict } from './unavailable-policy.ts';
import { bodyLength, ENVELOPE_BYTES, type WrittenRecord } from './written-record.ts';

class CertyoSink implements Sink<CertyoItem> {
  readonly name: string;
  readonly scope: string;
  readonly maxBatchItems: number;
  readonly maxBatchBytes: number;
  // An hour below the 24 that the API documents.
  readonly idempotencyWindowMs: number = 23 * 60 * 60 * 1000;
  readonly #options: NormalizedSinkOptions;
  readonly #client: CertyoClient;
  readonly #receipts: SinkReceipts | null;

  constructor(options: NormalizedSinkOptions) {
    this.name = options.name;
    this.scope = options.client.scope;
    this.maxBatchItems = options.maxBatchItems;
    this.maxBatchBytes = options.maxBatchBytes;
    this.#options = options;
    this.#client = options.client;
    this.#receipts =
      options.receipts === null
        ? null
        : new SinkReceipts(options.receipts, options.skipUnchanged, options.rules.statusColumns);
  }

  async begin(options: BeginOptions): Promise<SentBefore | null> {
    return (await this.#receipts?.begin(options)) ?? null;
  }

  prepare(event: ChangeEvent): readonly Prepared<CertyoItem>[] {
    const drafts = toDrafts(event, this.#options.rules);
    const [only] = drafts;
    // Not by map for the many that have one: an array that is pushed to has room for more.
    if (only !== undefined && drafts.length === 1) return [this.#write(only, event)];
    return drafts.map((draft) => this.#write(draft, event));
  }

  #write(draft: RecordDraft, event: ChangeEvent): WrittenRecord {
    const origin = this.#receipts?.origin(event, draft.operationType) ?? null;
    return this.#options.writer.write(draft, origin);
  }

  async deliver(
    items: readonly CertyoItem[],
    { signal }: DeliverOptions,
  ): Promise<readonly Verdict[]> {
    const settled = await this.#withoutSending(items, signal);
    const sendable =
      settled === null ? items : items.filter((_item, index) => settled[index] === null);
    const end = this.#endOfChunk(sendable, 0);
    if (settled === null && end === items.length && end > 0)
      return this.#sendAndKeep(items, signal);
    const answers: Verdict[] = [];
    // The pipeline keeps to the limits already; a batch that does not is cut.
    for (let from = 0; from < sendable.length;) {
      const to = this.#endOfChunk(sendable, from);
      answers.push(...(await this.#sendAndKeep(sendable.slice(from, to), signal)));
      from = to;
    }
    return settled === null ? answers : merged(settled, answers);
  }

  async confirm(
    items: readonly CertyoItem[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly (Verdict | null)[]> {
    const receipts = this.#receipts;
    if (receipts === null) return confirmItems(this.#client, items, signal);
    const verdicts = new Map<CertyoItem, Verdict>();
    const unsettled = (
      some: readonly CertyoItem[],
      answers: readonly (Verdict | null)[],
    ): readonly CertyoItem[] =>
      some.filter((item, index) => {
        const verdict = answers[index] ?? null;
        if (verdict !== null) verdicts.set(item, verdict);
        return verdict === null;
      });
    const unknown = unsettled(items, await receipts.known(items, { signal }));
    // What would not be sent is not asked about: a copy is mostly of rows that are what they were.
    const asked = unsettled(unknown, await receipts.skip(unknown, { signal }));
    const found = await confirmItems(this.#client, asked, signal);
    const has = asked.filter((_item, index) => found[index] != null);
    const answers = found.filter((verdict) => verdict !== null);
    const settled = await receipts.settle(has, answers, { signal });
    has.forEach((item, index) => {
      const verdict = settled[index];
      if (verdict !== undefined) verdicts.set(item, verdict);
    });
    return items.map((item) => verdicts.get(item) ?? null);
  }

  serialize(item: CertyoItem): string {
    return serializeItem(item);
  }

  deserialize(text: string): CertyoItem {
    return deserializeItem(text);
  }

  async close(): Promise<void> {
    if (this.#options.ownsClient) await this.#client.close();
  }

  /** The verdict on an item that is not to be sent at all. */
  #refuse(item: CertyoItem): Verdict | null {
    const { maxRecordBytes, unavailable } = this.#options;
    if (bodyLength(item) > maxRecordBytes) return tooLargeVerdict(item, maxRecordBytes);
    return item.unavailable === undefined
      ? null
      : unavailableVerdict(item.unavailable, unavailable);
  }

  /** The verdicts on items that are not sent: refused, or skipped; null for what is to be sent. Null where all are. */
  async #withoutSending(
    items: readonly CertyoItem[],
    signal: AbortSignal,
  ): Promise<readonly (Verdict | null)[] | null> {
    const areAllSendable = items.every((item) => this.#refuse(item) === null);
    if (this.#receipts === null && areAllSendable) return null;
    const refusals = items.map((item) => this.#refuse(item));
    const sendable = items.filter((_item, index) => refusals[index] === null);
    if (this.#receipts === null || sendable.length === 0) return refusals;
    const skipped = await this.#receipts.skip(sendable, { signal });
    let next = 0;
    return refusals.map((refusal) => refusal ?? skipped[next++] ?? null);
  }

  /** Sends items, with their receipts where they are kept: announced before, stored after. */
  async #sendAndKeep(
    items: readonly CertyoItem[],
    signal: AbortSignal,
  ): Promise<readonly Verdict[]> {
    const receipts = this.#receipts;
    if (receipts === null) return this.#send(items, signal);
    const known = items.map((item) => receipts.unstored(item));
    const unsent = items.filter((_item, index) => known[index] === null);
    let answers: readonly Verdict[] = [];
    if (unsent.length > 0) {
      const obstacle = await receipts.announce(unsent, { signal });
      answers = obstacle === null ? await this.#send(unsent, signal) : unsent.map(() => obstacle);
    }
    return receipts.settle(items, merged(known, answers), { signal });
  }

  /** Where the request ends that begins with the item at `from`. */
  #endOfChunk(items: readonly CertyoItem[], from: number): number {
    let bytes = 0;
    for (let index = from; index < items.length; index += 1) {
      const item = items[index];
      if (item !== undefined) bytes += bodyLength(item) + ENVELOPE_BYTES;
      const isFull = index - from === this.maxBatchItems || bytes > this.maxBatchBytes;
      if (isFull && index > from) return index;
    }
    return items.length;
  }

  async #send(items: readonly CertyoItem[], signal: AbortSignal): Promise<readonly Verdict[]> {
    const [first] = items;
    const kind: RequestKind = items.length === 1 ? 'single' : 'bulk';
    try {
      return kind === 'single' && first !== undefined
        ? [await this.#sendOne(first, signal)]
        : await this.#sendBulk(items, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const verdict = failureVerdict(error, kind);
      return items.map(() => verdict);
    }
  }

  async #sendOne(item: CertyoItem, signal: AbortSignal): Promise<Verdict> {
    const request = { method: 'POST', path: apiPath('records'), body: item.body } as const;
    const answer = await this.#client.send(request, { signal });
    return acceptedVerdict(toAccepted(request, answer, item.recordId, this.#client.tenantId));
  }

  async #sendBulk(items: readonly CertyoItem[], signal: AbortSignal): Promise<readonly Verdict[]> {
    const { codecs, tenantId } = this.#client;
    const body =
      codecs.encodeBulk === defaultCodecs.encodeBulk
        ? encodeItems(items)
        : codecs.encodeBulk(
            items.map((item) => item.body),
            tenantId,
          );
    const path = apiPath('records/bulk');
    const answer = await this.#client.send({ method: 'POST', path, body }, { signal });
    const verdicts = codecs.decodeBulk(answer.body, items);
    return items.map((_item, index) =>
      bulkVerdict(verdicts[index] ?? { type: 'unconfirmed' }, answer.status),
    );
  }
}

/** What is known already, and in the places of the rest the answers, in their order. */
function merged(
  known: readonly (Verdict | null)[],
  answers: readonly Verdict[],
): readonly Verdict[] {
  let next = 0;
  const verdicts: Verdict[] = [];
  for (const one of known) {
    const verdict = one ?? answers[next++];
    if (verdict !== undefined) verdicts.push(verdict);
  }
  return verdicts;
}

/**
 * Makes a sink that hands every change to the Certyo API as a record.
 *
 * A record counts as delivered only when the API's answer names it and its hash. What may or may not have arrived is
 * sent again with the same bytes and the same idempotency key.
 *
 * @example
 * const pipeline = createPipeline(source, certyoSink()); // CERTYO_API_KEY and CERTYO_TENANT_ID are set
 * @throws ConfigurationError when the key or tenant is missing or an option is wrong.
 */
export function certyoSink(options: CertyoSinkOptions = {}): Sink<CertyoItem> {
  return new CertyoSink(normalizeSinkOptions(options));
}
