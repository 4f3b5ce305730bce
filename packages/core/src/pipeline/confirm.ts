import type { SentBefore } from '../sink/sink.ts';
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

/** Whether an event of this commit time has to be asked about before it is sent. */
export type ConfirmRule = (committedAt: string | null | undefined) => boolean;

/**
 * The rule for what a pipeline reads after its start: an earlier life may have sent it, so long ago that its idempotency key
 * is forgotten. A sink that remembers knows what was sent, and since when. Without that, whatever was committed before the
 * start may have been sent when it was committed.
 *
 * The age of the checkpoint says nothing about it: behind one record that was held for a day others were delivered
 * then, and come again although the checkpoint has moved since.
 */
export function confirmRule(
  windowMs: number | undefined,
  sentBefore: SentBefore | null,
  now: () => number,
): ConfirmRule {
  // The other side never forgets.
  if (windowMs === undefined) return () => false;
  if (sentBefore !== null) {
    return (committedAt) => {
      const sinceMs = sentBefore.sentSince(committedAt ?? null);
      return sinceMs !== null && now() - sinceMs > windowMs;
    };
  }
  const startedAtMs = now();
  // Changes of one transaction come one after the other.
  let text = '';
  let committedAtMs = Number.NaN;
  return (committedAt) => {
    // An unknown commit time is not asked about.
    if (committedAt === null || committedAt === undefined) return false;
    if (committedAt !== text) {
      text = committedAt;
      committedAtMs = Date.parse(committedAt);
    }
    return committedAtMs < startedAtMs && now() - committedAtMs > windowMs;
  };
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
