import type { DueReceipt } from './due-receipt.ts';

/** Receipts that were accepted close to each other, asked about by listing the snapshots of that time. */
export interface ListingWindow {
  readonly receipts: readonly DueReceipt[];
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/**
 * Puts receipts that were accepted close to each other together, oldest first.
 *
 * @param gapMs Longest time between two neighbours of a window: snapshots of others in between cost pages.
 */
export function listingWindows(
  receipts: readonly DueReceipt[],
  gapMs: number,
): readonly ListingWindow[] {
  const sorted = receipts.toSorted((one, other) => one.acceptedMs - other.acceptedMs);
  const groups: DueReceipt[][] = [];
  let group: DueReceipt[] = [];
  let lastMs = -Infinity;
  for (const receipt of sorted) {
    if (receipt.acceptedMs - lastMs > gapMs) {
      group = [];
      groups.push(group);
    }
    group.push(receipt);
    lastMs = receipt.acceptedMs;
  }
  return groups.map((members) => ({
    receipts: members,
    fromMs: members[0]?.acceptedMs ?? 0,
    // The API's own digits may be finer.
    toMs: (members.at(-1)?.acceptedMs ?? 0) + 1,
  }));
}
