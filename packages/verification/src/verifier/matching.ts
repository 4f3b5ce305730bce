import type { SeenSnapshot } from './anchoring-codec.ts';
import type { DueReceipt } from './due-receipt.ts';
import { findingOf, type Finding } from './outcome.ts';

/** Which finding counts when several snapshots are about one receipt. */
const RANK = Object.freeze({ unknown: 0, failed: 1, waiting: 2, anchored: 3 });

/** Finds the receipts that snapshots are about. */
export class Matching {
  readonly #byRecordId = new Map<string, DueReceipt[]>();
  readonly #found = new Map<DueReceipt, Finding>();
  /** Those whose finding is of their hash, too. */
  readonly #exact = new Set<DueReceipt>();
  readonly #wanted: number;
  #missing: number;

  constructor(receipts: readonly DueReceipt[]) {
    for (const receipt of receipts) {
      const same = this.#byRecordId.get(receipt.recordId);
      if (same === undefined) this.#byRecordId.set(receipt.recordId, [receipt]);
      else same.push(receipt);
    }
    this.#wanted = receipts.length;
    this.#missing = receipts.length;
  }

  get isComplete(): boolean {
    return this.#missing === 0;
  }

  get found(): ReadonlyMap<DueReceipt, Finding> {
    return this.#found;
  }

  get foundAny(): boolean {
    return this.#missing < this.#wanted;
  }

  add(seen: SeenSnapshot): void {
    for (const receipt of this.#byRecordId.get(seen.recordId ?? '') ?? []) {
      if (!isAbout(seen, receipt)) continue;
      const finding = findingOf(seen);
      const before = this.#found.get(receipt);
      if (before === undefined) this.#missing -= 1;
      // A mapping that was changed between two tries makes two payloads of one version.
      const isExact = isSameHash(seen.recordHash, receipt.recordHash);
      const wasExact = this.#exact.has(receipt);
      const isBetter = before === undefined || RANK[before.stage] < RANK[finding.stage];
      if (isExact === wasExact ? isBetter : isExact) this.#found.set(receipt, finding);
      if (isExact) this.#exact.add(receipt);
    }
  }
}

/** A snapshot that names neither version nor hash may be of another version: it says nothing. */
function isAbout(seen: SeenSnapshot, receipt: DueReceipt): boolean {
  if (seen.database !== null && seen.database !== receipt.database) return false;
  if (seen.collection !== null && seen.collection !== receipt.collection) return false;
  if (seen.recordVersion !== null) return seen.recordVersion === receipt.recordVersion;
  return isSameHash(seen.recordHash, receipt.recordHash);
}

/** The API's pages show hashes with and without a prefix. */
export function isSameHash(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && bare(one) === bare(other);
}

function bare(hash: string): string {
  return hash.replace(/^(?:sha256:|0x)/iu, '').toLowerCase();
}
