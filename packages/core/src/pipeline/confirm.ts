import type { SentBefore } from '../sink/sink.ts';
import type { WorkItem } from './work-item.ts';

/**
 * Which items have to be asked about before they are sent (H-07): they may have been sent, by this life or an earlier one,
 * longer ago than the other side recognises a repeated item. To be asked when they are sent: what was young enough when it
 * was read may have waited for the other side since.
 */
export function itemsToConfirm<Item>(
  items: readonly WorkItem<Item>[],
  windowMs: number,
  nowMs: number,
): WorkItem<Item>[] {
  return items.filter(
    (item) =>
      nowMs - item.sentSinceMs > windowMs ||
      (item.inDoubt && nowMs - (item.firstAttempt?.atMs ?? 0) > windowMs),
  );
}

/** Since when an event of this commit time may have been sent, milliseconds since 1970; Infinity when it never was. */
export type SentSince = (committedAt: string | null | undefined) => number;

/**
 * The rule for what a pipeline reads after its start: an earlier life may have sent it, so long ago that its idempotency key
 * is forgotten. A sink that remembers knows what was sent, and since when. Without that, whatever was committed before the
 * start may have been sent when it was committed.
 *
 * The age of the checkpoint says nothing about it: behind one record that was held for a day others were delivered
 * then, and come again although the checkpoint has moved since.
 */
export function sentSinceRule(
  windowMs: number | undefined,
  sentBefore: SentBefore | null,
  now: () => number,
): SentSince {
  // The other side never forgets.
  if (windowMs === undefined) return () => Infinity;
  if (sentBefore !== null) {
    return (committedAt) => sentBefore.sentSince(committedAt ?? null) ?? Infinity;
  }
  const startedAtMs = now();
  // Changes of one transaction come one after the other.
  let text = '';
  let sinceMs = Infinity;
  return (committedAt) => {
    // An unknown commit time is not asked about.
    if (committedAt === null || committedAt === undefined) return Infinity;
    if (committedAt !== text) {
      text = committedAt;
      const committedAtMs = Date.parse(committedAt);
      sinceMs = committedAtMs < startedAtMs ? committedAtMs : Infinity;
    }
    return sinceMs;
  };
}

/** Since when an item that is parked now may have been sent: by a life before, by this one, or from now on by a redrive. */
export function sentByNow<Item>(item: WorkItem<Item>, nowMs: number): number {
  const { attempts, firstAttempt, sentSinceMs } = item;
  const since = attempts > 0 && firstAttempt !== null ? firstAttempt.atMs : nowMs;
  // Whole milliseconds, and none that a store could not hold.
  return Math.floor(Math.max(0, Math.min(since, sentSinceMs, nowMs)));
}
