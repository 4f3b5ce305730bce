import type { WorkItem } from './work-item.ts';

/**
 * Which items have to be asked about before they are sent (H-07): their earlier fate is unknown, for longer than the
 * other side recognises a repeated item.
 */
export function itemsToConfirm<Item>(
  items: readonly WorkItem<Item>[],
  windowMs: number,
  nowMs: number,
): WorkItem<Item>[] {
  return items.filter(
    (item) => item.mustConfirm || (item.inDoubt && nowMs - item.firstAttemptAtMs > windowMs),
  );
}

/**
 * The commit time before which an event that is read at the start may have been sent by an earlier life, so long ago
 * that its idempotency key is forgotten; -Infinity when the other side never forgets.
 *
 * The age of the checkpoint says nothing about it: behind one record that was held for a day others were delivered
 * then, and come again although the checkpoint has moved since.
 */
export function confirmBefore(windowMs: number | undefined, nowMs: number): number {
  return windowMs === undefined ? -Infinity : nowMs - windowMs;
}

/**
 * Whether a parked item has to be asked about before it is sent: it may have been sent before it was parked, or by a
 * redrive that did not live to remove it. Half of the window, because it was sent first some time before it was parked.
 */
export function wasParkedLongAgo(
  parkedAtMs: number,
  windowMs: number | undefined,
  nowMs: number,
): boolean {
  return windowMs !== undefined && nowMs - parkedAtMs > windowMs / 2;
}

/** Whether an event was committed before that time. An unknown commit time is not. */
export function wasCommittedBefore(
  committedAt: string | null | undefined,
  beforeMs: number,
): boolean {
  if (beforeMs === -Infinity || committedAt === null || committedAt === undefined) return false;
  // Changes of one transaction come one after the other.
  if (committedAt !== parsed.text) parsed = { text: committedAt, ms: Date.parse(committedAt) };
  return parsed.ms < beforeMs;
}

let parsed: { readonly text: string; readonly ms: number } = { text: '', ms: Number.NaN };
