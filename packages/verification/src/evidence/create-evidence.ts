import {
  type CertyoClient,
  ConfigurationError,
  type JsonValue,
  type RecordName,
} from '@certyo-cdc/core';
import { tableLabel, wrongOption } from '@certyo-cdc/core/internal';

import { Questions } from '../online/questions.ts';
import type { KeptReceipt } from '../receipts/kept-receipt.ts';
import type { PostgresReceiptStore } from '../receipts/postgres-receipt-store.ts';
import { type AnchoringCodec, defaultAnchoringCodec } from '../verifier/anchoring-codec.ts';
import type { PostgresWindowStore } from '../windows/postgres-window-store.ts';
import {
  type CompletenessWindow,
  readWindow,
  type StoredWindow,
  windowHash,
  windowRecord,
  windowVersion,
} from '../windows/window.ts';
import {
  bundleDigest,
  EVIDENCE_FORMAT,
  EVIDENCE_FORMAT_VERSION,
  type EvidenceBundle,
  type EvidenceReceipt,
  type EvidenceVersion,
  type EvidenceWindow,
} from './bundle.ts';

/** Gives the canonical payload of a version, or null where it does not have it. */
export type PayloadLookup = (version: KeptReceipt) => string | null | Promise<string | null>;

/** Options of `createEvidence`. */
export interface EvidenceOptions {
  readonly record: RecordName;
  readonly receipts: Pick<PostgresReceiptStore, 'history'>;
  /** Where windows are kept. @default the evidence has none */
  readonly windows?: Pick<PostgresWindowStore, 'list' | 'pipelines'> | undefined;
  /** The pipelines whose windows are looked at. @default all that have windows */
  readonly pipelines?: readonly string[] | undefined;
  /** `database` of the records of windows. @default the name of their pipeline */
  readonly windowDatabase?: string | undefined;
  /**
   * Payloads are not kept by the ledger. What this gives becomes part of the evidence where its fingerprint is that of the
   * version, and is left out otherwise. Row values are in the evidence only by this.
   *
   * @default no payloads
   */
  readonly payloads?: PayloadLookup | undefined;
  /** Asks Certyo for block and transaction of each batch; what it does not know is left out. @default nobody is asked */
  readonly client?: CertyoClient | undefined;
  /** Most questions in a second; `false` for any number. @default 10 */
  readonly maxRequestsPerSecond?: number | false | undefined;
  /** As for `createVerifier`. */
  readonly codec?: Partial<AnchoringCodec> | undefined;
  readonly signal: AbortSignal;
}

const PAGE = 1000;

/**
 * Puts together what is known about one record: its versions with their receipts and anchors, payloads where they can be had, and the
 * windows of completeness that their changes lie in, with the windows beside them.
 *
 * `verifyEvidence`, or the command `certyo-evidence verify <file>`, checks it without the ledger.
 *
 * @throws {ConfigurationError} The record has no receipts.
 * @throws {ReceiptError | WindowError} They could not be read.
 * @throws Certyo's refusal of the key, or that it is away for longer.
 * @example
 * const evidence = await createEvidence({ record, receipts, windows, signal });
 * await writeFile('evidence.json', JSON.stringify(evidence, null, 2));
 */
export async function createEvidence(options: EvidenceOptions): Promise<EvidenceBundle> {
  const { maxRequestsPerSecond = false, receipts, record, signal } = options;
  if (maxRequestsPerSecond !== false && !(maxRequestsPerSecond > 0)) {
    throw wrongOption('maxRequestsPerSecond', 'a positive number or `false`', maxRequestsPerSecond);
  }
  const history = await receipts.history(record, { signal });
  if (history.length === 0) {
    throw new ConfigurationError('record', 'The ledger has no receipt of this record.');
  }
  const batches = new Batches(options);
  try {
    return sealed(options, await gather(options, history, batches));
  } finally {
    batches.release();
  }
}

type Gathered = Pick<EvidenceBundle, 'versions' | 'windows'>;

async function gather(
  options: EvidenceOptions,
  history: readonly KeptReceipt[],
  batches: Batches,
): Promise<Gathered> {
  const found = await windowsOf(options, history);
  const versions: EvidenceVersion[] = [];
  for (const receipt of history) {
    versions.push({
      ...(await evidenceOf(receipt, batches)),
      table: receipt.table,
      payload: await payloadOf(options, receipt),
      windows: found
        .filter(({ covers }) => covers.has(receipt))
        .map(({ window: { pipeline, number } }) => ({ pipeline, number })),
    });
  }
  return { versions, windows: await withReceipts(options, found, batches) };
}

function sealed(
  { record, windowDatabase }: EvidenceOptions,
  { versions, windows }: Gathered,
): EvidenceBundle {
  const databases = [...new Set(windows.map(({ pipeline }) => pipeline))].map(
    (pipeline) => [pipeline, windowRecord(pipeline, windowDatabase).database] as const,
  );
  const { collection, database, recordId } = record;
  const written = JSON.stringify({
    format: EVIDENCE_FORMAT,
    formatVersion: EVIDENCE_FORMAT_VERSION,
    createdAt: new Date().toISOString(),
    record: { database, collection, recordId },
    versions,
    windows,
    windowDatabases: Object.fromEntries(databases),
  });
  // As it will be read, so that the digest is of that.
  const unsealed = JSON.parse(written) as Omit<EvidenceBundle, 'digest'>;
  return { ...unsealed, digest: bundleDigest(unsealed) };
}

interface FoundWindow {
  readonly window: StoredWindow;
  readonly covers: ReadonlySet<KeptReceipt>;
}

/** The windows in which changes of the record can lie, and those beside them. */
async function windowsOf(
  { pipelines, signal, windows }: EvidenceOptions,
  history: readonly KeptReceipt[],
): Promise<readonly FoundWindow[]> {
  if (windows === undefined) return [];
  const found: FoundWindow[] = [];
  for (const pipeline of new Set(pipelines ?? (await windows.pipelines({ signal })))) {
    let before: FoundWindow | null = null;
    let wasCovering = false;
    for (let after = 0; ;) {
      const page: readonly StoredWindow[] = await windows.list(pipeline, {
        after,
        limit: PAGE,
        signal,
      });
      for (const window of page) {
        const content = readWindow(window.content);
        const covers = new Set(history.filter((receipt) => canHold(content, receipt)));
        const each = { window, covers };
        if (covers.size > 0) {
          if (before !== null) found.push(before);
          found.push(each);
        } else if (wasCovering) found.push(each);
        before = covers.size > 0 || wasCovering ? null : each;
        wasCovering = covers.size > 0;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.number;
    }
  }
  return found;
}

/** By version and table. Where a mapper makes versions of its own, no window can be told. */
function canHold(
  window: CompletenessWindow | null,
  { recordVersion, table }: KeptReceipt,
): boolean {
  if (window === null || window.versions === null) return false;
  const { first, last } = window.versions;
  if (recordVersion < first || recordVersion > last) return false;
  if (table === null) return true;
  const label = tableLabel(table);
  return window.counts.some((counts) => counts.table === label);
}

async function withReceipts(
  { receipts, signal, windowDatabase }: EvidenceOptions,
  found: readonly FoundWindow[],
  batches: Batches,
): Promise<readonly EvidenceWindow[]> {
  const windows: EvidenceWindow[] = [];
  const histories = new Map<string, readonly KeptReceipt[]>();
  for (const { window } of found) {
    const { content, hash, number, pipeline } = window;
    const known =
      histories.get(pipeline) ??
      (await receipts.history(windowRecord(pipeline, windowDatabase), { signal }));
    histories.set(pipeline, known);
    const receipt = known.find(({ recordVersion }) => recordVersion === windowVersion(number));
    windows.push({
      pipeline,
      number,
      content,
      hash,
      receipt: receipt === undefined ? null : await evidenceOf(receipt, batches),
    });
  }
  return windows;
}

async function payloadOf(
  { payloads }: EvidenceOptions,
  receipt: KeptReceipt,
): Promise<string | null> {
  const payload = (await payloads?.(receipt)) ?? null;
  // The same SHA-256 over a text.
  return payload !== null && windowHash(payload) === receipt.payloadFingerprint ? payload : null;
}

async function evidenceOf(receipt: KeptReceipt, batches: Batches): Promise<EvidenceReceipt> {
  const { acceptedAt, anchoredAt, batchId, eventId, merkleRoot, operationType } = receipt;
  const { payloadFingerprint, recordHash, recordVersion, replayed, snapshotId, state } = receipt;
  return {
    recordVersion,
    operationType,
    eventId,
    payloadFingerprint,
    recordHash,
    acceptedAt,
    replayed,
    state,
    anchor: {
      anchoredAt,
      snapshotId,
      batchId,
      merkleRoot,
      batch: batchId === null ? null : await batches.of(batchId),
    },
  };
}

/** What Certyo says of batches; each is asked about once. */
class Batches {
  readonly #codec: EvidenceOptions['codec'];
  readonly #questions: Questions | null;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, JsonValue>();

  constructor({ client, codec, maxRequestsPerSecond, signal }: EvidenceOptions) {
    this.#codec = codec;
    this.#questions = client === undefined ? null : new Questions(client, maxRequestsPerSecond);
    this.#signal = signal;
  }

  async of(batchId: string): Promise<JsonValue> {
    if (this.#questions === null) return null;
    const known = this.#known.get(batchId);
    if (known !== undefined) return known;
    const answer = await this.#questions.batch(batchId, { signal: this.#signal });
    const isKnown = answer !== null && answer !== 'none';
    const seen = isKnown ? (this.#codec?.batch ?? defaultAnchoringCodec.batch)(answer.raw) : null;
    const detail = seen === null ? null : seen.detail;
    this.#known.set(batchId, detail);
    return detail;
  }

  release(): void {
    this.#questions?.release();
  }
}
