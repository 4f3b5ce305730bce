import type { Snapshot } from '@certyo-cdc/core';

import type { AnchoringCodec } from './anchoring-codec.ts';
import type { Claim } from './claims.ts';
import type { DueReceipt, KnownAnchor } from './due-receipt.ts';
import { isSameHash, Matching } from './matching.ts';
import { type Finding, NOTHING_SEEN } from './outcome.ts';
import { LookInterrupted, type Requests } from './requests.ts';
import { listingWindows, type ListingWindow } from './windows.ts';

interface CallOptions {
  readonly signal: AbortSignal;
}

/** What a look at a claim has found, as far as it came. */
export interface Look {
  readonly findings: ReadonlyMap<DueReceipt, Finding>;
  /** What ended it early, or null. What was found until then holds. */
  readonly interruption: LookInterrupted | null;
}

/** Most items of a page: the API's limit of records in one request, taken for its listings too. */
const PAGE = 1000;
/** Accepted further apart, receipts are listed apart. */
const GAP_MS = 10 * 60_000;
/** A window of fewer is not worth a listing. */
const LEAST_LISTED = 3;
/** A batch is asked about by itself when this many of the receipts wait for it. */
const LEAST_IN_BATCH = 200;

/** Asks the API about receipts, with as few requests as it can. */
export class Looker {
  readonly #requests: Requests;
  readonly #codec: AnchoringCodec;
  readonly #maxSingles: number;

  constructor(requests: Requests, codec: AnchoringCodec, maxSingles: number) {
    this.#requests = requests;
    this.#codec = codec;
    this.#maxSingles = maxSingles;
  }

  /** @param keep Called between requests, so that the claim outlasts the look. */
  async look(claim: Claim, keep: () => Promise<void>, options: CallOptions): Promise<Look> {
    const findings = new Map<DueReceipt, Finding>();
    try {
      await this.#byBatch(claim, findings, options);
      const rest = claim.receipts.filter((receipt) => !findings.has(receipt));
      const alone: DueReceipt[] = [];
      for (const window of listingWindows(rest, GAP_MS)) {
        await keep();
        alone.push(...(await this.#byListing(window, findings, options)));
      }
      // The longest known first: those of a batch that is being closed just now are found by the next listing.
      const singles = alone.toSorted((one, other) => other.looks - one.looks);
      for (const receipt of singles.slice(0, this.#maxSingles)) {
        await keep();
        findings.set(receipt, await this.#single(receipt, options));
      }
      for (const receipt of singles.slice(this.#maxSingles)) findings.set(receipt, NOTHING_SEEN);
      return { findings, interruption: null };
    } catch (error) {
      if (!(error instanceof LookInterrupted)) throw error;
      return { findings, interruption: error };
    }
  }

  /** Receipts of a batch that is on the chain need no request; one tells of all that wait for another. */
  async #byBatch(
    claim: Claim,
    findings: Map<DueReceipt, Finding>,
    options: CallOptions,
  ): Promise<void> {
    const waiting = new Map<KnownAnchor, DueReceipt[]>();
    for (const receipt of claim.receipts) {
      const anchor = receipt.anchorId === null ? undefined : claim.anchors.get(receipt.anchorId);
      if (anchor === undefined) continue;
      const same = waiting.get(anchor);
      if (anchor.isAnchored) findings.set(receipt, anchoredIn(anchor, receipt));
      else if (same === undefined) waiting.set(anchor, [receipt]);
      else same.push(receipt);
    }
    for (const [anchor, receipts] of waiting) {
      const { batchId } = anchor;
      if (batchId === null || receipts.length < LEAST_IN_BATCH) continue;
      const answer = await this.#requests.ask(
        (client, within) => client.getBatch(batchId, within),
        options,
      );
      const batch = answer === null ? null : this.#codec.batch(answer.raw);
      if (batch === null || batch.stage === 'failed') continue;
      const anchoredMs = batch.anchoredAt === null ? null : Date.parse(batch.anchoredAt);
      const seen: KnownAnchor = {
        ...anchor,
        merkleRoot: batch.merkleRoot ?? anchor.merkleRoot,
        isAnchored: batch.stage === 'anchored',
        anchoredMs: Number.isNaN(anchoredMs) ? null : anchoredMs,
      };
      const members = batch.snapshotIds === null ? null : new Set(batch.snapshotIds);
      for (const receipt of receipts) {
        // One that went to another batch meanwhile is looked for like a new one.
        if (members !== null && !members.has(receipt.snapshotId ?? '')) continue;
        findings.set(receipt, anchoredIn(seen, receipt));
      }
    }
  }

  /** Lists the snapshots of a window until all are found. Gives those that were not. */
  async #byListing(
    window: ListingWindow,
    findings: Map<DueReceipt, Finding>,
    options: CallOptions,
  ): Promise<readonly DueReceipt[]> {
    const { fromMs, receipts, toMs } = window;
    if (receipts.length < LEAST_LISTED) return receipts;
    const matching = new Matching(receipts);
    // Others of the tenant may have handed in records at that time too.
    const mostPages = 3 + 2 * Math.ceil(receipts.length / PAGE);
    let cursor: string | null = null;
    try {
      for (let page = 0; page < mostPages && !matching.isComplete; page += 1) {
        const query = this.#codec.listing({ fromMs, toMs, limit: PAGE, cursor });
        const answer = await this.#requests.ask(
          (client, within) => client.listSnapshots(query, within),
          options,
        );
        if (answer === null) break;
        this.#addAll(matching, answer.items);
        cursor = this.#codec.nextCursor(answer.raw);
        if (cursor === null) break;
      }
    } finally {
      for (const [receipt, finding] of matching.found) findings.set(receipt, finding);
    }
    return receipts.filter((receipt) => !matching.found.has(receipt));
  }

  /** In the published form: by its record. Where the answer does not say of which version it is, by verifying. */
  async #single(receipt: DueReceipt, options: CallOptions): Promise<Finding> {
    const page = await this.#requests.ask(
      (client, within) => client.listSnapshots(this.#codec.single(receipt), within),
      options,
    );
    if (page !== null) {
      const matching = new Matching([receipt]);
      this.#addAll(matching, page.items);
      const found = matching.found.get(receipt);
      if (found !== undefined) return found;
      const seen = page.items.map((item) => this.#codec.snapshot(item.raw));
      // They tell versions apart, and this one is not among them.
      if (!seen.some((each) => each?.recordVersion === null)) return NOTHING_SEEN;
    }
    return this.#verify(receipt, options);
  }

  async #verify(receipt: DueReceipt, options: CallOptions): Promise<Finding> {
    const { collection, database, recordHash, recordId, recordVersion } = receipt;
    const answer = await this.#requests.ask(
      (client, within) =>
        client.verifyRecord({ database, collection, recordId, recordVersion }, within),
      options,
    );
    // The version may have been ignored: only the hash says which one was meant.
    const isProved = answer?.anchored === true && isSameHash(answer.recordHash, recordHash);
    return isProved ? { ...NOTHING_SEEN, stage: 'anchored' } : NOTHING_SEEN;
  }

  #addAll(matching: Matching, items: readonly Snapshot[]): void {
    for (const { raw } of items) {
      const seen = this.#codec.snapshot(raw);
      if (seen !== null) matching.add(seen);
    }
  }
}

function anchoredIn(anchor: KnownAnchor, receipt: DueReceipt): Finding {
  const { anchoredMs, batchId, isAnchored, merkleRoot } = anchor;
  return {
    stage: isAnchored ? 'anchored' : 'waiting',
    snapshotId: receipt.snapshotId,
    anchor: { batchId, merkleRoot, isAnchored, anchoredMs },
    anchoredMs,
    failure: null,
  };
}
